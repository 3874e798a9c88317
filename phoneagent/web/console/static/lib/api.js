// The API, as the pages use it: JSON both ways, errors as exceptions.

import { csrfToken } from "./page.js";

/** What the API says no with: `error` is a word for programs, the message a sentence for people. */
export class ApiError extends Error {
  constructor(status, { error, message, ...details }) {
    super(message);
    this.status = status;
    this.error = error;
    this.details = details;
  }
}

/**
 * Ask the API. `body` is sent as JSON. Resolves to the answer: JSON, text, or null without content.
 * Rejects with ApiError, also when the service can't be reached (status 0).
 */
export async function api(path, { method = "GET", body, headers = {}, signal } = {}) {
  const safe = method === "GET";
  let response;
  try {
    response = await fetch(path, {
      method,
      signal,
      body: body === undefined ? undefined : JSON.stringify(body),
      headers: {
        Accept: "application/json",
        ...(body === undefined ? {} : { "Content-Type": "application/json" }),
        ...(safe ? {} : { "X-CSRF-Token": csrfToken }),
        ...headers,
      },
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, { error: "unreachable", message: "The service can't be reached. Is it running?" });
  }
  const json = response.headers.get("Content-Type")?.startsWith("application/json");
  if (response.ok) return response.status === 204 ? null : json ? response.json() : response.text();
  if (response.status === 401) signIn();
  const problem = json ? await response.json() : {};
  throw new ApiError(response.status, { error: "failed", message: `The service answered ${response.status}.`, ...problem });
}

/** The session is over: come back here with a new one. */
export function signIn() {
  location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
}
