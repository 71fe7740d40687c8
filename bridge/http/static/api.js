// The API as a page, out of /openapi.json: the same file that programs take, and nothing from
// elsewhere. docs/reference/openapi.md says the same on a forge.

import { byId, make, row } from "./dom.js";

const TYPES = { string: "text", boolean: "true, false" };

/** Return a schema in words: texts, and links to schemas that have a name. */
function words(schema) {
  const choices = schema.anyOf ?? [schema];
  return choices.flatMap((each, place) => (place ? [" or ", ...one(each)] : one(each)));
}

function one(schema) {
  if (schema.$ref) return [link(schema.$ref.split("/").pop())];
  if ("const" in schema) return [JSON.stringify(schema.const)];
  if (schema.enum) return [schema.enum.map((each) => JSON.stringify(each)).join(", ")];
  if (schema.format === "date-time") return ["time"];
  if (schema.prefixItems) {
    return ["[", ...schema.prefixItems.flatMap((each, n) => [n ? ", " : "", ...words(each)]), "]"];
  }
  if (schema.type === "array") return ["list of ", ...words(schema.items ?? {})];
  return [(TYPES[schema.type] ?? schema.type ?? "anything") + bounds(schema)];
}

function bounds({ minimum, maximum, maxLength }) {
  if (minimum !== undefined && maximum !== undefined) return `, ${minimum} to ${maximum}`;
  return maxLength === undefined ? "" : `, at most ${maxLength} characters`;
}

function link(name) {
  const made = make("a", "", name);
  made.href = `#${name}`;
  return made;
}

/** Return a text in which `this` is code. */
const prose = (text) =>
  (text ?? "").split("`").map((part, place) => (place % 2 ? make("code", "", part) : part));

/** Make a table; the cells of a row are texts, elements, or lists of both. */
function table(heads, rows) {
  const head = make("thead", "", make("tr", "", ...heads.map((each) => make("th", "", each))));
  const body = make("tbody", "", ...rows.map((cells) => row(...cells.map(cell))));
  return make("div", "wide", make("table", "", head, body));
}

const cell = (content) => (Array.isArray(content) ? make("span", "", ...content) : content);

/** Make the table of an object's keys, or say what else a schema is. */
function described(schema) {
  if (!schema.properties) return make("p", "", ...words(schema));
  const required = new Set(schema.required);
  const marked = required.size < Object.keys(schema.properties).length;
  const rows = Object.entries(schema.properties).map(([key, each]) => [
    make("code", "", key),
    [...words(each), marked && required.has(key) ? " (required)" : ""],
    prose(meaning(each)),
  ]);
  return table(["key", "value", ""], rows);
}

const meaning = (schema) =>
  schema.description ?? (schema.anyOf ?? []).map((each) => each.description).find(Boolean) ?? "";

/** Make what opens when it is asked for. */
function folded(id, summary, ...inside) {
  const made = make("details", "", make("summary", "", ...summary), ...inside);
  made.id = id;
  return made;
}

function operation(document_, method, path, told) {
  const [first, ...rest] = (told.description ?? "").split("\n");
  const inside = rest.filter(Boolean).map((line) => make("p", "", ...prose(line)));
  if (told["x-scope"] && !told.description?.includes("Needs the scope")) {
    inside.push(make("p", "", ...prose(`Needs the scope \`${told["x-scope"]}\`.`)));
  }
  if (told.parameters) {
    const rows = told.parameters.map((each) => [
      make("code", "", each.name), each.in, words(each.schema), prose(each.description),
    ]);
    inside.push(table(["parameter", "in", "value", ""], rows));
  }
  for (const { schema, example } of Object.values(told.requestBody?.content ?? {})) {
    inside.push(make("h4", "", "Body"), described(schema));
    if (example) inside.push(make("pre", "", JSON.stringify(example)));
  }
  const answers = Object.entries(told.responses).map(([status, answer]) => {
    const found = answer.$ref ? document_.components.responses[answer.$ref.split("/").pop()] : answer;
    const bodies = Object.entries(found.content ?? {});
    return [status, bodies.flatMap(([kind, { schema }]) => (schema ? words(schema) : [kind])), prose(found.description)];
  });
  inside.push(make("h4", "", "Answers"), table(["status", "body", ""], answers));
  const title = make("code", "", `${method.toUpperCase()} ${path}`);
  return folded(told.operationId, [title, " ", ...prose(first)], ...inside);
}

/** Open what the address of the page names. */
function open() {
  const named = byId(decodeURIComponent(location.hash.slice(1)));
  if (named instanceof HTMLDetailsElement) {
    named.open = true;
    named.scrollIntoView();
  }
}

const answer = await fetch("../openapi.json");
const api = await answer.json();
byId("about").append(...prose(`${api.info.title} ${api.info.version}. ${api.info.description}`));
const groups = new Map();
for (const [path, methods] of Object.entries(api.paths)) {
  for (const [method, told] of Object.entries(methods)) {
    const [group] = told.tags;
    if (!groups.has(group)) groups.set(group, []);
    groups.get(group).push(operation(api, method, path, told));
  }
}
for (const [group, operations] of groups) {
  byId("operations").append(make("h2", "", group), ...operations);
}
for (const [name, schema] of Object.entries(api.components.schemas).sort()) {
  const summary = [make("code", "", name), " ", ...prose(schema.description?.split("\n")[0])];
  byId("schemas").append(folded(name, summary, described(schema)));
}
addEventListener("hashchange", open);
open();
