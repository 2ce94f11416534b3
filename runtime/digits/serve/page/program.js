// The request for the picture on the paper, for programs.

/**
 * The same request in three languages.
 *
 * picture: { blob, name, address }. The programs fetch what has an address, open what has the name
 * of a file, and contain the bytes of anything else, a drawing. The token, where it is needed, they
 * take from the variable that `digits serve` takes it from.
 */
export async function programs({ blob, name, address }, needsToken) {
  const request = { url: new URL("read", document.baseURI).href, needsToken };
  if (address) return withAddress(new URL(address, document.baseURI).href, request);
  return name ? withFile(name, request) : withBytes(await base64(blob), request);
}

function withBytes(text, request) {
  return {
    curl: `echo ${text} |\n  base64 -d | ${curl("-", request)}`,
    python: python("base64.b64decode(\n    \"" + text + "\")", request, ["base64"]),
    javascript: javascript(
      `Uint8Array.from(atob(\n  "${text}"), (one) => one.charCodeAt(0))`, request,
    ),
  };
}

function withAddress(address, request) {
  return {
    curl: `curl -s ${address} |\n  ${curl("-", request)}`,
    python: python(`urllib.request.urlopen(\n    "${address}").read()`, request),
    javascript: javascript(`await (await fetch("${address}")).blob()`, request),
  };
}

function withFile(name, request) {
  const quoted = JSON.stringify(name);
  return {
    curl: curl(`'${name.replaceAll("'", "'\\''")}'`, request),
    python: python(`open(${quoted}, "rb").read()`, request),
    javascript:
      'import { readFile } from "node:fs/promises";\n' +
      javascript(`await readFile(${quoted})`, request),
  };
}

function curl(file, { url, needsToken }) {
  const header = needsToken ? '-H "Authorization: Bearer $DIGITS_TOKEN" ' : "";
  return `curl ${header}--data-binary @${file} ${url}`;
}

function python(picture, { url, needsToken }, modules = []) {
  const all = [...modules, "json", ...(needsToken ? ["os"] : []), "urllib.request"];
  const header = '{"Authorization": "Bearer " + os.environ["DIGITS_TOKEN"]}';
  return [
    `import ${all.join(", ")}`,
    `picture = ${picture}`,
    ...(needsToken ? [`headers = ${header}`] : []),
    `request = urllib.request.Request("${url}", picture${needsToken ? ", headers" : ""})`,
    "print(json.load(urllib.request.urlopen(request)))",
  ].join("\n");
}

function javascript(picture, { url, needsToken }) {
  return [
    `const picture = ${picture};`,
    ...(needsToken
      ? ["const headers = { authorization: `Bearer ${process.env.DIGITS_TOKEN}` };"] : []),
    `const options = { method: "POST", ${needsToken ? "headers, " : ""}body: picture };`,
    `const response = await fetch("${url}", options);`,
    "console.log(await response.json());",
  ].join("\n");
}

async function base64(blob) {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  return btoa(String.fromCharCode(...bytes));
}
