// Tries a connected client of the official SDK, 1.x or 2.x, with a plan.
import { outcomesOf } from './outcomes.mjs';

/** @typedef {{ listTools(): Promise<{ tools: { name: string }[] }>, call(call: import('./plans.mjs').ToolCall, options?: { signal?: AbortSignal, onprogress?: (step: { progress: number }) => void }): Promise<{ isError?: boolean, content?: unknown }> }} Driven */

/** The 1.x client takes the result's schema between call and options. @returns {Driven} */
export const driven = (client, isV1) => ({
  listTools: () => client.listTools(),
  call: (call, options) => (isV1 ? client.callTool(call, undefined, options) : client.callTool(call, options)),
});

/** @param {Driven} client @param {import('./plans.mjs').Plan} plan */
export function drive(client, plan) {
  return outcomesOf({
    list: async () => {
      const names = (await client.listTools()).tools.map(({ name }) => name);
      return names.includes(plan.call.name) || `${names.length} tools, and ${plan.call.name} is not one`;
    },
    call: async () => {
      const text = JSON.stringify(await client.call(plan.call));
      return text.includes(plan.says) || text;
    },
    error: async () => {
      const seen = await client.call(plan.error).then(({ isError }) => (isError === true ? true : 'an answer'), (error) => error.data?.code === 'authz_policy_denied' || error.message);
      return seen;
    },
    progress: plan.slow === undefined ? 'its tools tell none' : async () => {
      const steps = [];
      await client.call(plan.slow, { onprogress: ({ progress }) => steps.push(progress) });
      return steps.length >= 3 || `${steps.length} steps`;
    },
    cancel: plan.slower === undefined ? 'its tools answer at once' : async () => {
      const stop = new AbortController();
      const ended = await client.call(plan.slower, { signal: stop.signal, onprogress: () => stop.abort() }).then(() => 'it went on to its end', () => true);
      if (ended !== true) return ended;
      const after = JSON.stringify(await client.call(plan.call));
      return after.includes(plan.says) || after;
    },
  });
}
