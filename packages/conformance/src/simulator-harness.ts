import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { setTimeout } from 'node:timers/promises';
import { startSsmSimulator } from '@postern/ssm-simulator';
import {
  endLeftoverSessions,
  findLeftoverSessions,
  openTunnel,
  type Tunnel,
  type TunnelOptions,
} from '@postern/ssm-tunnel';
import { startEchoService } from './echo-service.ts';
import type { ServiceSettings, SimulatedHarness } from './harness.ts';

/** The nodes of every simulated service. Both have the tag `Role: jump-host`. */
const nodes: SimulatedHarness['nodes'] = ['i-0a1b2c3d4e5f60718', 'i-0fedcba9876543210'];

/** A simulated service with an echo behind it. With the defaults its agents are as slow as real ones. */
export async function startSimulatorHarness(settings: ServiceSettings = {}): Promise<SimulatedHarness> {
  const echo = await startEchoService();
  const simulator = await startSsmSimulator({ ...settings, hosts: { 'echo.internal': '127.0.0.1' } });
  for (const instanceId of nodes) simulator.registerInstance({ instanceId, tags: { Role: 'jump-host' } });
  const options: TunnelOptions = {
    target: nodes[0],
    remoteHost: 'echo.internal',
    remotePort: echo.port,
    region: simulator.region,
    endpoint: simulator.endpoint,
    credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret-of-the-example' },
  };
  const { target: _, remoteHost: __, remotePort: ___, ...account } = options;
  const tunnels = new Set<Tunnel>();
  return {
    name: 'the simulator',
    options,
    nodes,
    simulator,
    async open(change) {
      const tunnel = await openTunnel({ ...options, ...change });
      tunnels.add(tunnel);
      return tunnel;
    },
    refused: { remoteHost: 'echo.internal', remotePort: 1 },
    forbidden: { remoteHost: '169.254.169.254', remotePort: 80 },
    leftovers: {
      find: (reason) => findLeftoverSessions({ ...account, reason }),
      end: (reason) => endLeftoverSessions({ ...account, reason }),
    },
    faults: simulator.faults,
    inspect: {
      violations: () => simulator.violations(),
      statistics: () => simulator.statistics(),
      sessions: () => simulator.sessions(),
      destinationConnections: () => echo.connections.size,
      onSessionStarted(listener) {
        const onSession = (message: unknown): void => {
          const { sessionId, status } = message as { sessionId: string; status: string };
          if (status === 'Connecting') listener(sessionId);
        };
        subscribe('postern:ssm-simulator:session', onSession);
        return {
          [Symbol.dispose]() {
            unsubscribe('postern:ssm-simulator:session', onSession);
          },
        };
      },
    },
    simulate: startSimulatorHarness,
    async [Symbol.asyncDispose]() {
      await Promise.all([...tunnels].map((tunnel) => tunnel.close()));
      const left = (): number => simulator.statistics().openSessions;
      // An agent that was told to end still sends what it has for up to two seconds.
      const patientUntil = performance.now() + 10_000;
      while (left() > 0 && performance.now() < patientUntil) await setTimeout(20);
      const openSessions = left();
      await simulator.close();
      await echo[Symbol.asyncDispose]();
      simulator.assertNoViolations();
      if (openSessions > 0) throw new Error(`${openSessions} sessions were left behind.`);
    },
  };
}
