// The request for the picture on the paper, for programs.

/**
 * The same request in three languages.
 *
 * picture: { blob, name, address }. The programs fetch what has an address, open what has the name
 * of a file, and contain the bytes of anything else, a drawing.
 */
export async function programs({ blob, name, address }, path) {
  const url = new URL(path, document.baseURI).href;
  if (address) return withAddress(new URL(address, document.baseURI).href, url);
  return name ? withFile(name, url) : withBytes(await base64(blob), url);
}

function withBytes(text, url) {
  return {
    curl: `echo ${text} |\n  base64 -d | curl --data-binary @- ${url}`,
    python: python("base64.b64decode(\n    \"" + text + "\")", url, "base64, "),
    javascript: javascript(`Uint8Array.from(atob(\n  "${text}"), (one) => one.charCodeAt(0))`, url),
  };
}

function withAddress(address, url) {
  return {
    curl: `curl -s ${address} |\n  curl --data-binary @- ${url}`,
    python: python(`urllib.request.urlopen(\n    "${address}").read()`, url),
    javascript: javascript(`await (await fetch("${address}")).blob()`, url),
  };
}

function withFile(name, url) {
  const quoted = JSON.stringify(name);
  return {
    curl: `curl --data-binary @'${name.replaceAll("'", "'\\''")}' ${url}`,
    python: python(`open(${quoted}, "rb").read()`, url),
    javascript:
      'import { readFile } from "node:fs/promises";\n' + javascript(`await readFile(${quoted})`, url),
  };
}

function python(picture, url, modules = "") {
  return [
    `import ${modules}json, urllib.request`,
    `picture = ${picture}`,
    `request = urllib.request.Request("${url}", picture)`,
    "print(json.load(urllib.request.urlopen(request)))",
  ].join("\n");
}

function javascript(picture, url) {
  return [
    `const picture = ${picture};`,
    `const response = await fetch("${url}", { method: "POST", body: picture });`,
    "console.log(await response.json());",
  ].join("\n");
}

async function base64(blob) {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  return btoa(String.fromCharCode(...bytes));
}
