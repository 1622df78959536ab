import type { SsmCaller } from '../caller.ts';
import { Constraints } from './constraints.ts';
import type { ServiceContext } from './service-context.ts';

/** Never an error for an unknown target: that one is simply not connected. */
export function getConnectionStatus(context: ServiceContext, input: unknown, caller: SsmCaller): unknown {
  const read = new Constraints(input);
  const target = read.text('Target', { required: true, min: 1, max: 400 }) ?? '';
  read.check();
  context.access.target(caller, 'ssm:GetConnectionStatus', target);
  const online = context.instances.find(target)?.pingStatus === 'Online';
  return { Target: target, Status: online ? 'connected' : 'notconnected' };
}
