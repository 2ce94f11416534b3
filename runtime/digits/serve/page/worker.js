// A service worker, which opens the page as it was at the last visit where the network is slow or gone.
//
// The server writes the files in, with their hashes. So this script changes when one of them does, and
// the browser installs the new one beside the old; a document is kept only with all that it loads.

const PATIENCE = 300; // milliseconds in which the server may answer before the kept document does
const SCOPE = registration.scope;
const CACHE = `digits ${SCOPE} {cache}`;
const FILES = new Map({files}.map(([path, integrity]) => [new URL(path, SCOPE).href, integrity]));

addEventListener("install", (event) => {
  // What is sent to the API needn't wait for this script to start.
  event.addRoutes?.({ condition: { requestMethod: "POST" }, source: "network" });
  const requests = [...FILES].map(([url, integrity]) => new Request(url, { integrity }));
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(requests)).then(skipWaiting));
});

addEventListener("activate", (event) => {
  const isOld = (name) => name.startsWith(`digits ${SCOPE} `) && name !== CACHE;
  const remove = (names) => Promise.all(names.filter(isOld).map((name) => caches.delete(name)));
  event.waitUntil(caches.keys().then(remove));
});

addEventListener("fetch", (event) => {
  const { mode, url } = event.request;
  const address = url.replace(/[?#].*/, "");
  if (mode === "navigate" && address === SCOPE) event.respondWith(visit(event.request));
  else if (FILES.has(url)) event.respondWith(kept(url).then((file) => file ?? fetch(event.request)));
});

async function visit(request) {
  const answer = fetch(request).then((response) => {
    if (response.status >= 500) throw new Error("a proxy answers for a server that is down");
    // Another server has this address now, or a proxy wants a login: neither is to be hidden.
    if (!response.headers.get("etag")?.includes("digits-")) registration.unregister();
    return response;
  });
  const late = new Promise((resolve) => setTimeout(resolve, PATIENCE));
  const timely = await Promise.race([answer, late]).catch(() => null);
  return timely ?? (await kept(SCOPE)) ?? answer;
}

function kept(url) {
  return caches.open(CACHE).then((cache) => cache.match(url));
}
