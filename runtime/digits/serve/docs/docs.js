// Renders the API's description, and lets one try each request.

const element = (name, properties = {}, ...children) => {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
};

/** A schema as one would write it in TypeScript; what has a name is a link. */
export function type(schema) {
  if (!schema || !Object.keys(schema).length) return ["any"];
  if (schema.$ref) {
    const name = schema.$ref.split("/").pop();
    return [element("a", { href: `#${name}`, textContent: name })];
  }
  if ("const" in schema) return [JSON.stringify(schema.const)];
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return choices.flatMap((one, index) => [index ? " | " : "", ...type(one)]);
  if (schema.type === "array")
    return schema.items.anyOf ? ["(", ...type(schema.items), ")[]"] : [...type(schema.items), "[]"];
  return [schema.format === "binary" ? "file" : schema.type];
}

/** A value of a schema: its example, or one that is made of its parts' examples. */
export function example(schema, schemas) {
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

function limits(schema) {
  const { minimum, maximum, minItems, maxItems } = schema;
  if (minimum !== undefined && maximum !== undefined) return `${minimum} to ${maximum}`;
  if (minItems === undefined) return "";
  return minItems === maxItems ? `${minItems} items` : `${minItems} to ${maxItems} items`;
}

function fields(schema) {
  const rows = Object.entries(schema.properties ?? {}).map(([name, field]) => {
    const optional = schema.required?.includes(name) ? "" : "?";
    const text = [field.description, limits(field)].filter(Boolean).join(" ");
    return element("tr", {},
      element("td", {}, element("code", { textContent: name + optional })),
      element("td", {}, element("code", {}, ...type(field))),
      element("td", { textContent: text }));
  });
  return element("table", {}, element("tbody", {}, ...rows));
}

function inputs(parameters) {
  return parameters.map(({ name, schema, description = "" }) => {
    const input = schema.type === "boolean"
      ? element("select", {}, element("option", {}, "false"), element("option", {}, "true"))
      : element("input", { value: schema.const ?? schema.default ?? "" });
    input.name = name;
    return element("p", {}, element("label", {}, `${name} `, input), ` ${description}`);
  });
}

function bodyInput(body, schemas) {
  const json = body?.content["application/json"];
  if (!body) return [];
  if (!json) {
    const file = element("input", { type: "file", name: "body", required: true });
    return [element("p", {}, element("label", {}, "Picture ", file), ` ${body.description}`)];
  }
  const value = JSON.stringify(example(json.schema, schemas));
  const text = element("textarea", { name: "body", value, spellcheck: false });
  return [element("p", {}, element("label", {}, "Body: ", ...type(json.schema), text))];
}

/** fetch's arguments for what is in a form. */
export function request(path, method, parameters, values, token) {
  const query = new URLSearchParams();
  let address = path.slice(1);
  for (const { name, in: place } of parameters) {
    if (place === "path") address = address.replace(`{${name}}`, encodeURIComponent(values[name]));
    else query.set(name, values[name]);
  }
  const headers = {};
  if (token) headers.authorization = `Bearer ${token}`;
  if (values.body !== undefined)
    headers["content-type"] =
      typeof values.body === "string" ? "application/json" : "application/octet-stream";
  const options = { method: method.toUpperCase(), headers, body: values.body };
  return [query.size ? `${address}?${query}` : address, options];
}

async function send(form, answer, ...operation) {
  const values = Object.fromEntries(new FormData(form));
  const [address, options] = request(...operation, values, document.getElementById("token").value);
  answer.textContent = "…";
  answer.tabIndex = 0; // so that keys can scroll it
  try {
    const started = performance.now();
    const response = await fetch(address, options);
    const text = await response.text();
    const json = response.headers.get("content-type")?.includes("json");
    const shown = json ? JSON.stringify(JSON.parse(text), null, 1) : text;
    const took = Math.round(performance.now() - started);
    answer.textContent = `${response.status} ${response.statusText} in ${took} ms\n\n${shown}`;
  } catch (error) {
    answer.textContent = `There was no answer: ${error.message}`;
  }
}

function responses(found) {
  const rows = Object.entries(found).map(([status, { description, content }]) => {
    const { schema, example: body } = Object.values(content ?? {})[0] ?? {};
    return element("tr", {},
      element("td", {}, element("code", { textContent: status })),
      element("td", {}, element("code", {}, ...(content ? type(schema) : ["nothing"]))),
      element("td", { textContent: body ? `${description} “${body.error}”` : description }));
  });
  return element("table", {}, element("tbody", {}, ...rows));
}

function operation(path, method, described, shared, schemas) {
  const parameters = [...(shared ?? []), ...(described.parameters ?? [])];
  const answer = element("pre", { role: "status", ariaLabel: "Answer" });
  const form = element("form", {},
    ...inputs(parameters),
    ...bodyInput(described.requestBody, schemas),
    element("button", { textContent: "Send" }));
  form.onsubmit = (event) => {
    event.preventDefault();
    send(form, answer, path, method, parameters);
  };
  const title = element("summary", {},
    element("span", { className: "method", textContent: method.toUpperCase() }), " ",
    element("code", { textContent: path }), ` ${described.summary}`);
  return element("details", { id: described.operationId },
    title, form, answer, element("h3", {}, "Answers"), responses(described.responses));
}

async function render() {
  const { info, tags, paths, components } = await (await fetch("openapi.json")).json();
  const link = element("a", { href: "openapi.json", textContent: "openapi.json" });
  document.getElementById("about").replaceChildren(
    `${info.description} Version ${info.version}. Generators of clients take `, link, ".");
  const operations = document.getElementById("operations");
  for (const { name, description } of tags) {
    operations.append(element("h2", { textContent: description }));
    for (const [path, { parameters, ...methods }] of Object.entries(paths))
      for (const [method, described] of Object.entries(methods))
        if (described.tags.includes(name))
          operations.append(operation(path, method, described, parameters, components.schemas));
  }
  const types = Object.entries(components.schemas).map(([name, schema]) =>
    element("details", { id: name },
      element("summary", {}, element("code", { textContent: name }), ` ${schema.description ?? ""}`),
      fields(schema)));
  document.getElementById("types").append(...types);
  addEventListener("hashchange", show);
  show();
}

/** Opens what the address names. */
function show() {
  const named = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (named instanceof HTMLDetailsElement) named.open = true;
}

try {
  document.getElementById("token").value = sessionStorage.getItem("digits-token"); // of page/token.js
} catch {
  // The browser keeps nothing for pages.
}
render().catch((error) => {
  document.getElementById("about").textContent = `openapi.json can't be shown: ${error.message}`;
});
