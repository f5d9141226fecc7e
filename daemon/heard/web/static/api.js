// Requests to the page's own server. Each returns what was asked for, or throws an Error with a sentence to show.

async function answer(request) {
  let response;
  try {
    response = await request;
  } catch {
    throw new Error("The page's server does not answer.");
  }
  if (response.ok) return response;
  let reason = `The page's server says ${response.status}.`;
  try {
    reason = (await response.json()).error ?? reason;
  } catch {
    // No JSON: the sentence above stands.
  }
  throw new Error(reason);
}

export async function act(what, source, more = {}) {
  const body = JSON.stringify({ what, source, ...more });
  const headers = { "Content-Type": "application/json" };
  return (await (await answer(fetch("/api/do", { method: "POST", headers, body }))).json()).result;
}

export async function search(words, cursor) {
  const query = new URLSearchParams(cursor ? { words, cursor } : { words });
  return (await answer(fetch(`/api/search?${query}`))).json();
}

export async function download(query) {
  const response = await answer(fetch(`/export?${new URLSearchParams(query)}`));
  const name = /filename="([^"]+)"/.exec(response.headers.get("Content-Disposition") ?? "");
  return { name: name ? name[1] : "heard.txt", blob: await response.blob() };
}

// Whether the server wants a log-in before anything else.
export async function wantsLogin() {
  try {
    return (await fetch("/", { method: "HEAD", redirect: "manual" })).type === "opaqueredirect";
  } catch {
    return false;
  }
}
