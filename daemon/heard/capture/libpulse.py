"""libpulse through ctypes: the types and functions that `pulse` uses, as pulse/*.h declare them.

Structures that the library hands out are declared as far as they are read; they only ever grow at their end.
"""

from __future__ import annotations

import ctypes

LIBRARY = "libpulse.so.0"
MAX_CHANNELS = 32
NO_INDEX = NO_SIZE = 0xFFFFFFFF

# pulse/def.h, pulse/sample.h
S16LE = 3
NO_AUTOSPAWN = 0x0001
CONTEXT_READY, CONTEXT_FAILED = 4, 5
STREAM_READY, STREAM_FAILED = 2, 3
OPERATION_RUNNING = 0
NO_REMAP, NO_REMIX = 0x0010, 0x0020
DONT_MOVE = 0x0200
ADJUST_LATENCY = 0x2000


class Spec(ctypes.Structure):
    """pa_sample_spec."""

    _fields_ = (("format", ctypes.c_int), ("rate", ctypes.c_uint32), ("channels", ctypes.c_uint8))


class ChannelMap(ctypes.Structure):
    """pa_channel_map: where each channel is, by pa_channel_position_t."""

    _fields_ = (("channels", ctypes.c_uint8), ("map", ctypes.c_int * MAX_CHANNELS))


class Volume(ctypes.Structure):
    """pa_cvolume."""

    _fields_ = (("channels", ctypes.c_uint8), ("values", ctypes.c_uint32 * MAX_CHANNELS))


class SourceInfo(ctypes.Structure):
    """The beginning of pa_source_info, which only ever grows at its end."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("index", ctypes.c_uint32),
        ("description", ctypes.c_char_p),
        ("sample_spec", Spec),
        ("channel_map", ChannelMap),
        ("owner_module", ctypes.c_uint32),
        ("volume", Volume),
        ("mute", ctypes.c_int),
        ("monitor_of_sink", ctypes.c_uint32),
    )


class ServerInfo(ctypes.Structure):
    """The beginning of pa_server_info."""

    _fields_ = (
        ("user_name", ctypes.c_char_p),
        ("host_name", ctypes.c_char_p),
        ("server_version", ctypes.c_char_p),
        ("server_name", ctypes.c_char_p),
        ("sample_spec", Spec),
        ("default_sink_name", ctypes.c_char_p),
        ("default_source_name", ctypes.c_char_p),
    )


class SourceOutputInfo(ctypes.Structure):
    """The beginning of pa_source_output_info: somebody's stream from a source."""

    _fields_ = (
        ("index", ctypes.c_uint32),
        ("name", ctypes.c_char_p),
        ("owner_module", ctypes.c_uint32),
        ("client", ctypes.c_uint32),
        ("source", ctypes.c_uint32),
        ("sample_spec", Spec),
        ("channel_map", ChannelMap),
        ("buffer_usec", ctypes.c_uint64),
        ("source_usec", ctypes.c_uint64),
        ("resample_method", ctypes.c_char_p),
        ("driver", ctypes.c_char_p),
        ("proplist", ctypes.c_void_p),
    )


class BufferAttr(ctypes.Structure):
    """pa_buffer_attr, in bytes; NO_SIZE leaves a choice to the server."""

    _fields_ = (
        ("maxlength", ctypes.c_uint32),
        ("tlength", ctypes.c_uint32),
        ("prebuf", ctypes.c_uint32),
        ("minreq", ctypes.c_uint32),
        ("fragsize", ctypes.c_uint32),
    )


SourceCallback = ctypes.CFUNCTYPE(
    None, ctypes.c_void_p, ctypes.POINTER(SourceInfo), ctypes.c_int, ctypes.c_void_p
)
SourceOutputCallback = ctypes.CFUNCTYPE(
    None, ctypes.c_void_p, ctypes.POINTER(SourceOutputInfo), ctypes.c_int, ctypes.c_void_p
)
ServerCallback = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.POINTER(ServerInfo), ctypes.c_void_p)

_P, _I, _U, _S, _Z = ctypes.c_void_p, ctypes.c_int, ctypes.c_uint32, ctypes.c_char_p, ctypes.c_size_t
_SIGNATURES: dict[str, tuple[object, tuple[object, ...]]] = {
    "pa_mainloop_new": (_P, ()),
    "pa_mainloop_free": (None, (_P,)),
    "pa_mainloop_get_api": (_P, (_P,)),
    "pa_mainloop_prepare": (_I, (_P, _I)),
    "pa_mainloop_poll": (_I, (_P,)),
    "pa_mainloop_dispatch": (_I, (_P,)),
    "pa_strerror": (_S, (_I,)),
    "pa_context_new": (_P, (_P, _S)),
    "pa_context_connect": (_I, (_P, _S, _I, _P)),
    "pa_context_disconnect": (None, (_P,)),
    "pa_context_unref": (None, (_P,)),
    "pa_context_get_state": (_I, (_P,)),
    "pa_context_errno": (_I, (_P,)),
    "pa_context_get_source_info_list": (_P, (_P, SourceCallback, _P)),
    "pa_context_get_server_info": (_P, (_P, ServerCallback, _P)),
    "pa_context_get_source_output_info_list": (_P, (_P, SourceOutputCallback, _P)),
    "pa_proplist_gets": (_S, (_P, _S)),
    "pa_operation_get_state": (_I, (_P,)),
    "pa_operation_cancel": (None, (_P,)),
    "pa_operation_unref": (None, (_P,)),
    "pa_stream_new": (_P, (_P, _S, _P, _P)),
    "pa_stream_connect_record": (_I, (_P, _S, _P, _I)),
    "pa_stream_disconnect": (_I, (_P,)),
    "pa_stream_unref": (None, (_P,)),
    "pa_stream_get_state": (_I, (_P,)),
    "pa_stream_get_device_name": (_S, (_P,)),
    "pa_stream_is_suspended": (_I, (_P,)),
    "pa_stream_readable_size": (_Z, (_P,)),
    "pa_stream_peek": (_I, (_P, _P, _P)),
    "pa_stream_drop": (_I, (_P,)),
}


def loaded() -> ctypes.CDLL:
    """Return the library.

    Raises:
        OSError: it is not installed.
    """
    library = ctypes.CDLL(LIBRARY)
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library
