// The page Phone.

import { complain } from "../lib/toast.js";
import { agentNames } from "../phone/agents.js";
import { mountPhone } from "../phone/phone-panel.js";

const agents = await agentNames().catch((error) => (complain(error), []));
const root = document.getElementById("phone");
root.replaceChildren();
mountPhone(root, { agents, agent: new URLSearchParams(location.search).get("agent") ?? "" });
