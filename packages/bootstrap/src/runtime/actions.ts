import type { Action } from '../contract/request.ts';
import type { ResultOf } from '../contract/response.ts';
import { prune } from '../prune/prune.ts';
import { apply, ping, planAction, status } from './bootstrap-actions.ts';
import type { Invocation } from './invocation.ts';
import { down, fake, migrate } from './migration-actions.ts';
import { branch, drop, prepare, publish, sweep } from './test-database-actions.ts';

type Actions = { readonly [A in Action]: (request: never, invocation: Invocation) => Promise<ResultOf[A]> };

/** Everything that needs a database. Loaded when there is something to do: what is refused is refused without it. */
export const actions: Actions = {
  ping: (_request: never, invocation) => ping(invocation),
  plan: planAction,
  apply,
  status,
  migrate,
  down,
  fake,
  prune,
  prepare,
  publish,
  branch,
  drop,
  sweep,
};
