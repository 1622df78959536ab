import { type StandAloneOptions, startSsmSimulator } from '../src/index.ts';
import { jumpHost } from './raw-client.ts';

export type Running = Awaited<ReturnType<typeof startSsmSimulator>>;

/** A simulator with one jump host. Pacing is off unless asked for: it only costs time. */
export async function running(options: StandAloneOptions = {}): Promise<Running> {
  const simulator = await startSsmSimulator({ ...options, agent: { pacing: false, ...options.agent } });
  simulator.registerInstance({ instanceId: jumpHost });
  return simulator;
}
