import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import {
  type SsmAgentOptions,
  type SsmSimulator,
  type StandAloneOptions,
  startSsmSimulator,
} from '@postern/ssm-simulator';
import { expect, vi } from 'vitest';
import { openTunnel, type Tunnel, type TunnelOptions } from '../src/index.ts';

export const target = 'i-0a1b2c3d4e5f60718';

/** A managed node with a TCP server behind it, reached through the simulated service. */
export interface SimulatedNode extends AsyncDisposable {
  readonly simulator: SsmSimulator & { readonly endpoint: string };
  readonly port: number;
  readonly server: Server;
  /** Connections that reached the server. */
  readonly connections: Socket[];
  open(options?: Partial<TunnelOptions>): Promise<Tunnel>;
}

export interface NodeOptions {
  /** What the server does with a connection. Default: echo. */
  serve?: (socket: Socket) => void;
  /** As slow as a real agent. Default false. */
  pacing?: boolean;
  agent?: SsmAgentOptions;
  service?: StandAloneOptions['service'];
}

/** Disposing it checks that the client broke no rule and left no session. */
export async function startNode({
  serve = echo,
  pacing = false,
  agent = {},
  service = {},
}: NodeOptions = {}): Promise<SimulatedNode> {
  const connections: Socket[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    connections.push(socket);
    socket.on('error', () => {});
    serve(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const simulator = await startSsmSimulator({
    agent: { pacing, ...agent },
    service,
    hosts: { 'db.internal': '127.0.0.1' },
  });
  simulator.registerInstance({ instanceId: target });
  const tunnels: Tunnel[] = [];
  return {
    simulator,
    port,
    server,
    connections,
    async open(options = {}) {
      const tunnel = await openTunnel({
        target,
        remoteHost: 'db.internal',
        remotePort: port,
        region: 'eu-west-2',
        endpoint: simulator.endpoint,
        credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'top-secret' },
        ...options,
      });
      tunnels.push(tunnel);
      return tunnel;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(tunnels.map((tunnel) => tunnel.close()));
      // An agent that was told to end still sends what it has for up to two seconds.
      await vi.waitFor(() => expect(simulator.statistics().openSessions).toBe(0), 20_000);
      const violations = simulator.violations();
      await simulator.close();
      for (const socket of connections) socket.destroy();
      server.close();
      expect(violations).toEqual([]);
    },
  };
}

function echo(socket: Socket): void {
  socket.pipe(socket);
}
