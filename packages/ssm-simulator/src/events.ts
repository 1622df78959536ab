import { channel } from 'node:diagnostics_channel';

/**
 * Published on `node:diagnostics_channel` as `postern:ssm-simulator:<name>`. No token and no payload byte is
 * ever part of an event.
 */
export interface SsmSimulatorEvents {
  /** An API call was answered. `code` is the error's, absent on success. */
  api: { operation: string; code?: string };
  /** A session changed its status. */
  session: { sessionId: string; status: string };
  /** The client's data channel was opened or lost. */
  channel: { sessionId: string; state: 'opened' | 'closed'; code?: number };
  /** The agent dialled a destination. `error` is the system's code, absent on success. */
  dial: { sessionId: string; host: string; port: number; error?: string };
  /** The client did something that a real agent or service would punish or suffer from. */
  violation: { sessionId: string; kind: string; detail: string };
}

const channels = {
  api: channel('postern:ssm-simulator:api'),
  session: channel('postern:ssm-simulator:session'),
  channel: channel('postern:ssm-simulator:channel'),
  dial: channel('postern:ssm-simulator:dial'),
  violation: channel('postern:ssm-simulator:violation'),
};

export function publish<Name extends keyof SsmSimulatorEvents>(
  name: Name,
  event: SsmSimulatorEvents[Name],
): void {
  if (channels[name].hasSubscribers) channels[name].publish(event);
}
