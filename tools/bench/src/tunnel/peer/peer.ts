import { type StandAloneOptions, startSsmSimulator } from '@postern/ssm-simulator';
import { startDestination } from './destination.ts';
import { PEER_TARGET, type PeerReady, type PeerReport } from './start-peer.ts';

// The other side, in a process of its own: simulated service and agent, and the TCP server they lead to.
// Started by start-peer.ts with the simulator's options as JSON; ends with its parent.

const options = JSON.parse(process.argv[2] ?? '{}') as StandAloneOptions;
const simulator = await startSsmSimulator(options);
simulator.registerInstance({ instanceId: PEER_TARGET });
const { port } = await startDestination();

process.on('message', () => {
  const { user, system } = process.cpuUsage();
  const violations = simulator
    .violations()
    .map(({ sessionId, kind, detail }) => ({ sessionId, problem: `${kind}: ${detail}` }));
  process.send?.({ cpuSeconds: (user + system) / 1e6, violations } satisfies PeerReport);
});
process.on('disconnect', () => process.exit());
process.send?.({ endpoint: simulator.endpoint, port } satisfies PeerReady);
