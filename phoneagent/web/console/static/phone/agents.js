// Who can be called.

import { api } from "../lib/api.js";

/** The names of the agents that answer calls. */
export async function agentNames() {
  const { agents } = await api("/api/agents");
  return agents.filter(({ version }) => version !== null).map(({ name }) => name);
}
