// Renders the API's description, and lets one try each request.

const find = (id) => document.getElementById(id);
const element = (name, properties = {}, ...children) => {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
};
const code = (...children) => element("code", {}, ...children);

/** rows: of cells, each a list of nodes and texts. */
function table(rows) {
  const lines = rows.map((cells) =>
    element("tr", {}, ...cells.map((children) => element("td", {}, ...children))));
  return element("table", {}, element("tbody", {}, ...lines));
}

/** A schema as one would write it in TypeScript; what has a name is a link. */
function type(schema) {
  if (!schema || !Object.keys(schema).length) return ["any"];
  if (schema.$ref) {
    const name = schema.$ref.split("/").pop();
    return [element("a", { href: `#${name}`, textContent: name })];
  }
  if ("const" in schema) return [JSON.stringify(schema.const)];
  if (schema.enum) return [schema.enum.map((value) => JSON.stringify(value)).join(" | ")];
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return choices.flatMap((choice, index) => [index ? " | " : "", ...type(choice)]);
  if (schema.type === "array")
    return schema.items.anyOf ? ["(", ...type(schema.items), ")[]"] : [...type(schema.items), "[]"];
  return [schema.format === "binary" ? "file" : schema.type];
}

/** A value of a schema: its example, or one that is made of its parts' examples. */
function example(schema, schemas) {
  if (schema.$ref) return example(schemas[schema.$ref.split("/").pop()], schemas);
  if ("const" in schema) return schema.const;
  if (schema.examples) return schema.examples[0];
  if (schema.anyOf) return example(schema.anyOf[0], schemas);
  if (schema.type === "array") return [example(schema.items, schemas)];
  if (schema.type !== "object") return { integer: 0, number: 0, boolean: false }[schema.type] ?? "";
  const needed = ([name, { examples }]) => examples || schema.required?.includes(name);
  const fields = Object.entries(schema.properties ?? {}).filter(needed);
  return Object.fromEntries(fields.map(([name, field]) => [name, example(field, schemas)]));
}

function fields({ properties = {}, required = [] }) {
  return table(Object.entries(properties).map(([name, field]) => [
    [code(name + (required.includes(name) ? "" : "?"))],
    [code(...type(field))],
    [field.description ?? ""],
  ]));
}

function responses(answers) {
  return table(Object.entries(answers).map(([status, { description, content }]) => {
    const { schema, example: body } = Object.values(content ?? {})[0] ?? {};
    const meaning = body ? `${description} “${body.error}”` : description;
    return [[code(status)], [code(...(content ? type(schema) : ["nothing"]))], [meaning]];
  }));
}

function input({ name, schema, description = "" }) {
  const field = schema.type === "boolean"
    ? element("select", { name }, element("option", {}, "false"), element("option", {}, "true"))
    : element("input", { name, value: schema.const ?? schema.default ?? "" });
  return element("p", {}, element("label", {}, `${name} `, field), ` ${description}`);
}

function bodyInput({ content, description }, schemas) {
  const schema = content["application/json"]?.schema;
  if (!schema) {
    const file = element("input", { type: "file", name: "body", required: true });
    return element("p", {}, element("label", {}, "Picture ", file), ` ${description}`);
  }
  const value = JSON.stringify(example(schema, schemas));
  const text = element("textarea", { name: "body", value, spellcheck: false });
  return element("p", {}, element("label", {}, "Body: ", ...type(schema), text));
}

async function send(path, method, parameters, { body, ...values }, answer) {
  const query = parameters.filter((parameter) => parameter.in === "query")
    .map(({ name }) => [name, values[name]]);
  const filled = path.slice(1).replace(/{(\w+)}/g, (_, name) => encodeURIComponent(values[name]));
  const headers = {};
  if (find("token").value) headers.authorization = `Bearer ${find("token").value}`;
  if (body !== undefined)
    headers["content-type"] = typeof body === "string" ? "application/json" : "application/octet-stream";
  answer.textContent = "…";
  answer.tabIndex = 0; // so that keys can scroll it
  try {
    const response = await fetch(`${filled}?${new URLSearchParams(query)}`, { method, headers, body });
    const text = await response.text();
    const json = response.headers.get("content-type")?.includes("json");
    const shown = json ? JSON.stringify(JSON.parse(text), null, 1) : text;
    answer.textContent = `${response.status} ${response.statusText}\n\n${shown}`;
  } catch (error) {
    answer.textContent = `There was no answer: ${error.message}`;
  }
}

/** operation: as OpenAPI has it, with the parameters of its path. */
function details(path, method, operation, schemas) {
  const { operationId, summary, parameters, requestBody } = operation;
  const answer = element("pre", { role: "status", ariaLabel: "Answer" });
  const inputs = parameters.map(input);
  if (requestBody) inputs.push(bodyInput(requestBody, schemas));
  const form = element("form", {}, ...inputs, element("button", { textContent: "Send" }));
  form.onsubmit = (event) => {
    event.preventDefault();
    send(path, method, parameters, Object.fromEntries(new FormData(form)), answer);
  };
  const title = element("summary", {},
    element("span", { className: "method", textContent: method }), " ", code(path), ` ${summary}`);
  return element("details", { id: operationId },
    title, form, answer, element("h3", {}, "Answers"), responses(operation.responses));
}

async function render() {
  const { info, tags, paths, components } = await (await fetch("openapi.json")).json();
  const link = element("a", { href: "openapi.json", textContent: "openapi.json" });
  find("about").replaceChildren(
    `${info.description} Version ${info.version}. Generators of clients take `, link, ".");
  const operations = Object.entries(paths).flatMap(([path, { parameters = [], ...methods }]) =>
    Object.entries(methods).map(([method, operation]) => {
      const all = [...parameters, ...(operation.parameters ?? [])];
      return [path, method.toUpperCase(), { ...operation, parameters: all }];
    }));
  for (const { name, description } of tags)
    find("operations").append(element("h2", { textContent: description }), ...operations
      .filter(([, , operation]) => operation.tags.includes(name))
      .map((operation) => details(...operation, components.schemas)));
  find("types").append(...Object.entries(components.schemas).map(([name, schema]) =>
    element("details", { id: name },
      element("summary", {}, code(name), ` ${schema.description ?? ""}`), fields(schema))));
  addEventListener("hashchange", show);
  show();
}

/** Open what the address names. */
function show() {
  const named = find(decodeURIComponent(location.hash.slice(1)));
  if (named instanceof HTMLDetailsElement) named.open = true;
}

try {
  find("token").value = sessionStorage.getItem("digits-token"); // of page/token.js
} catch {
  // The browser keeps nothing for pages.
}
render().catch((error) => {
  find("about").textContent = `openapi.json can't be shown: ${error.message}`;
});
