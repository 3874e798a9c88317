// What may be written at a place of the front matter: found from the text around it, and the JSON Schema.

const ITEM = Symbol("an item of a list");
const LINE = /^( *)((?:- +)*)(?:([\w.$-]+|"[^"]*"|'[^']*'):(?=\s|$))?/;

/** The front matter's lines, without the fences, and the number of the line that is the first of them; or null. */
export function frontMatter(text) {
  const lines = text.split("\n");
  const fence = (line) => /^---[ \t]*$/.test(line);
  if (!fence(lines[0])) return null;
  const end = lines.findIndex((line, number) => number > 0 && fence(line));
  return { lines: lines.slice(1, end < 0 ? undefined : end), first: 1 };
}

/**
 * What is being written at the end of `before`, which stands in line `number` of `lines`: the `path` of keys that lead
 * there, what is `typed` of the next word, whether it may be a `key` or a `value`, and the keys that are `taken`. Or null.
 */
export function placeAt(lines, number, before) {
  const [, indent, dashes] = LINE.exec(before);
  const column = indent.length + dashes.length;
  const levels = scan(before.slice(column));
  if (levels === null) return null;
  const path = pathTo(lines.slice(0, number), dashes ? indent.length : column, dashes !== "");
  if (dashes) path.push(ITEM);
  for (const { open, key } of levels) {
    if (open === "[") path.push(ITEM);
    if (key !== null) path.push(key);
  }
  const { open, key, typed, taken } = levels.at(-1);
  const inBlock = open === "" && key === null;
  return {
    path,
    typed,
    key: key === null && open !== "[",
    value: key !== null || open === "[" || (inBlock && dashes !== ""),
    taken: new Set(inBlock ? siblings(lines, number, column) : taken),
  };
}

/** The brackets that are open at the end of a line, in each the key whose value is being written. */
function scan(text) {
  const levels = [{ open: "", key: null, taken: [] }];
  let from = 0;
  for (let at = 0; at < text.length; at++) {
    const level = levels.at(-1);
    const [letter, word] = [text[at], text.slice(from, at).trim()];
    if ((letter === '"' || letter === "'") && word === "") {
      at = text.indexOf(letter, at + 1);
      if (at < 0) return null;
    } else if (letter === "#" && /^\s?$/.test(text.slice(at - 1, at))) {
      return null;
    } else if (letter === ":" && text[at + 1] === " " && level.key === null && level.open !== "[") {
      level.key = unquoted(word);
      from = at + 1;
    } else if ((letter === "{" || letter === "[") && word === "") {
      levels.push({ open: letter, key: null, taken: [] });
      from = at + 1;
    } else if (letter === "," && level.open) {
      if (level.key !== null) level.taken.push(level.key);
      level.key = null;
      from = at + 1;
    } else if ((letter === "}" || letter === "]") && level.open) {
      levels.pop();
      from = at + 1;
    }
  }
  levels.at(-1).typed = text.slice(from).trimStart();
  return levels;
}

/** The keys, and items of lists, that lead to what stands at a column below these lines. */
function pathTo(lines, column, isItem) {
  const path = [];
  for (const line of lines.toReversed()) {
    if (/^\s*(#|$)/.test(line)) continue;
    const [, indent, dashes, key] = LINE.exec(line);
    const [dashAt, keyAt] = [indent.length, indent.length + dashes.length];
    const underKey = key !== undefined && (keyAt < column || (isItem && !dashes && keyAt === column));
    const inItem = dashes !== "" && dashAt < column;
    if (underKey) path.unshift(unquoted(key));
    if (inItem) path.unshift(ITEM);
    if (underKey || inItem) [column, isItem] = [dashes ? dashAt : keyAt, dashes !== ""];
  }
  return path;
}

/** The keys of the mapping in which a line stands, but for its own. */
function siblings(lines, number, column) {
  const found = [];
  for (const step of [-1, 1]) {
    for (let at = number + step; at >= 0 && at < lines.length; at += step) {
      if (/^\s*(#|$)/.test(lines[at])) continue;
      const [, indent, dashes, key] = LINE.exec(lines[at]);
      const keyAt = indent.length + dashes.length;
      if (keyAt === column && key !== undefined && !(step > 0 && dashes)) found.push(unquoted(key));
      if (indent.length < column) break;
    }
  }
  return found;
}

const unquoted = (word) => word.replace(/^(["'])(.*)\1$/, "$2");

/** What the schema has for a place: `{ label, detail, info, apply }` each. */
export function choices(schema, { path, key, value, taken }) {
  let nodes = [schema];
  for (const step of path) nodes = nodes.flatMap((node) => children(schema, node, step));
  const found = new Map();
  const add = (choice) => found.has(choice.label) || found.set(choice.label, choice);
  for (const node of nodes) {
    if (key) keysOf(schema, node).filter(({ label }) => !taken.has(label)).forEach(add);
    if (value) valuesOf(schema, node).forEach(add);
  }
  return [...found.values()];
}

function* forms(schema, node) {
  if (node.$ref) node = schema.$defs[node.$ref.split("/").pop()];
  yield node;
  for (const form of node.anyOf ?? []) yield* forms(schema, form);
}

function children(schema, node, step) {
  return [...forms(schema, node)].flatMap((form) => {
    if (step === ITEM) return form.items ? [form.items] : [];
    if (form.properties?.[step]) return [form.properties[step]];
    const others = Object.values(form.patternProperties ?? {});
    return typeof form.additionalProperties === "object" ? [...others, form.additionalProperties] : others;
  });
}

function keysOf(schema, node) {
  return [...forms(schema, node)].flatMap((form) =>
    Object.entries(form.properties ?? {}).map(([label, of]) => ({
      label,
      apply: `${label}: `,
      type: "property",
      detail: written(of.default),
      info: [...forms(schema, of)].map(({ description }) => description).find(Boolean),
    })),
  );
}

function valuesOf(schema, node) {
  const info = [...forms(schema, node)].map(({ description }) => description).find(Boolean);
  const labels = [...forms(schema, node)].flatMap((form) => [
    ...(form.enum ?? []),
    ...(form.examples ?? []),
    ...("const" in form ? [form.const] : []),
    ...(form.type === "boolean" ? [true, false] : []),
  ]);
  const fallback = written(node.default);
  return [...new Set([...labels.map(String), ...(fallback === undefined ? [] : [fallback])])].map((label) => ({
    label,
    type: "enum",
    detail: label === fallback ? "default" : undefined,
    info,
  }));
}

/** A default as the file would have it, if it is one word. */
const written = (value) => (["string", "number", "boolean"].includes(typeof value) && !/\s/.test(value) ? String(value) : undefined);

/** What a prompt may name in {{…}}. */
export const VARIABLES = [
  ["caller", "The caller's number"],
  ["called", "The number that was called"],
  ["now", "The day and the time, in the agent's time zone"],
  ["agent", "The agent's name"],
  ["param.", "A parameter of the webhook, as in param.CallerName"],
  ["var.", "A variable with which the call was placed"],
].map(([label, info]) => ({ label, info, type: "variable", apply: label.endsWith(".") ? label : `${label}}}` }));
