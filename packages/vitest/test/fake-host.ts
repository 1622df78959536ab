import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export interface FakeHost {
  readonly controlSocket: string;
  /** Requests in their order, without ids. */
  readonly requests: Array<{ method: string; params: unknown }>;
  /** Number of open control connections. */
  connections(): number;
  close(): Promise<void>;
}

type Answer = { result: unknown } | { error: { name: string; message: string; code: string } };

/** A host that speaks the control protocol (a JSON object per line) and answers from a table. */
export async function fakeHost(
  answers: Readonly<Record<string, Answer | ((params: never) => Answer)>>,
): Promise<FakeHost> {
  const folder = await mkdtemp(join(tmpdir(), 'postern-vitest-'));
  const controlSocket = join(folder, 'control');
  const version = await connectVersion();
  const open = new Set<Socket>();
  const requests: FakeHost['requests'] = [];
  const server: Server = createServer((socket) => {
    open.add(socket);
    socket.on('error', () => undefined).on('close', () => open.delete(socket));
    const say = (message: unknown): void => void socket.write(`${JSON.stringify(message)}\n`);
    createInterface({ input: socket }).on('line', (line) => {
      const message = JSON.parse(line) as { hello?: unknown; id: number; method: string; params: unknown };
      if (message.hello !== undefined) say({ welcome: welcome(controlSocket, version) });
      else {
        requests.push({ method: message.method, params: message.params });
        const answer = answers[message.method];
        say({ id: message.id, ...(typeof answer === 'function' ? answer(message.params as never) : answer) });
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(controlSocket, resolve));
  return {
    controlSocket,
    requests,
    connections: () => open.size,
    async close() {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function welcome(controlSocket: string, version: string): unknown {
  return {
    version,
    environment: 'local',
    kind: 'local',
    pid: process.pid,
    endpoint: { host: 'shop.cluster-abc.eu-west-2.rds.amazonaws.com', port: 5432 },
    region: 'eu-west-2',
    ca: ['-----BEGIN CERTIFICATE-----'],
    dataSocket: join(dirname(controlSocket), 'data'),
    controlSocket,
  };
}

/** A worker talks only to a host of the same version of connect. */
async function connectVersion(): Promise<string> {
  const entry = fileURLToPath(import.meta.resolve('@postern/connect'));
  const manifest = await readFile(join(dirname(entry), '../package.json'), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}
