// How loud both sides of a call were in the last while.

const KEPT_S = 150;

export class Levels {
  step_s = 0.1;
  begins_s = 0;
  caller = [];
  agent = [];
  #heard = 0; // when the latest came, by the browser's clock
  #end_s = 0;

  /** The call is at this second; what came before is not known. */
  begin(now_s) {
    this.caller = [];
    this.agent = [];
    this.begins_s = this.#end_s = now_s;
    this.#heard = performance.now();
  }

  /** More levels, as the service tells them. Where some are missing nothing is drawn. */
  add({ at_s, step_s, caller, agent }) {
    this.step_s = step_s;
    if (!this.caller.length || at_s - this.#end_s > KEPT_S) this.begin(at_s);
    const missing = Math.round((at_s - this.begins_s) / step_s) - this.caller.length;
    const gap = Array(Math.max(0, missing));
    this.caller.push(...gap, ...caller);
    this.agent.push(...gap, ...agent);
    this.#end_s = this.begins_s + this.caller.length * step_s;
    this.#heard = performance.now();
    const surplus = this.caller.length - KEPT_S / step_s;
    if (surplus > 0) {
      this.caller.splice(0, surplus);
      this.agent.splice(0, surplus);
      this.begins_s += surplus * step_s;
    }
  }

  /** The second of the call up to which there is something to be seen, between two messages, too. */
  get now_s() {
    return this.#end_s + Math.min(1, (performance.now() - this.#heard) / 1000);
  }
}
