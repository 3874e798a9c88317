// What the shell has written into the page's head.

const meta = (name) => document.querySelector(`meta[name="${name}"]`)?.content ?? "";
const scopes = new Set(meta("scopes").split(" "));

export const csrfToken = meta("csrf-token");
export const styleNonce = meta("style-nonce");
export const visitor = meta("visitor");

/** Whether the visitor may do what needs this scope. The API decides; this only hides what it would refuse. */
export const may = (scope) => scopes.has(scope) || scopes.has("admin");
