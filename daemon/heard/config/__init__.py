"""The configuration: values from their sources, checked all at once, as `heard.settings.Settings`.

    settings = load(config, overrides, os.environ).settings

- `loader`: the whole way; `merge`: where values come from; `fields`: the keys that there are
- `checks`: the rules that concern several values, and what a start needs besides
- `errors`: the wording; `text`: the effective configuration as TOML, and the JSON Schema
"""

from heard.config.checks import start_up_errors
from heard.config.errors import ConfigError
from heard.config.loader import Loaded, load
from heard.config.text import effective, schema

__all__ = ["ConfigError", "Loaded", "effective", "load", "schema", "start_up_errors"]
