import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { vi } from 'vitest';
import { WebSocket } from 'ws';
import type { SsmSimulator } from '../src/index.ts';
import { type RawMessage, rawAcknowledge, rawDecode, rawEnvelope } from './raw-envelope.ts';

export interface Access {
  SessionId: string;
  TokenValue: string;
  StreamUrl: string;
}

export const user = {
  arn: 'arn:aws:iam::123456789012:user/developer',
  userId: 'AIDADEVELOPER00000000',
  sessionName: 'developer',
};

export const jumpHost = 'i-0a1b2c3d4e5f60718';

/** StartSession for a host and port, on the jump host. */
export async function start(
  simulator: SsmSimulator,
  destination: { host?: string; port: number | string },
): Promise<Access> {
  const { host, port } = destination;
  return (await simulator.handleApi(
    'StartSession',
    {
      Target: jumpHost,
      DocumentName: `AWS-StartPortForwardingSession${host === undefined ? '' : 'ToRemoteHost'}`,
      Parameters: { portNumber: [String(port)], ...(host === undefined ? {} : { host: [host] }) },
    },
    user,
  )) as Access;
}

/** The same after a resume. */
const clientId = randomUUID();

export const openText = (token: string): string =>
  JSON.stringify({
    MessageSchemaVersion: '1.0',
    RequestId: randomUUID(),
    TokenValue: token,
    ClientId: clientId,
    ClientVersion: '1.2.677.0',
  });

export const handshakeResponse = (clientVersion = '1.2.677.0', status = 1, error = ''): Buffer =>
  Buffer.from(
    `{"ClientVersion":"${clientVersion}","ProcessedClientActions":[{"ActionType":"SessionType",` +
      `"ActionStatus":${status},"ActionResult":null,"Error":"${error}"}],"Errors":null}`,
  );

/** One WebSocket of a client that does nothing on its own but acknowledge, and that only if told to. */
export class RawClient {
  readonly socket: WebSocket;
  /** In order of arrival, stream messages that were seen before left out: on a busy machine any may come twice. */
  readonly received: RawMessage[] = [];
  /** Stream messages that were seen before on this socket. */
  readonly repeats: RawMessage[] = [];
  readonly #seen = new Set<number>();
  readonly pongs: string[] = [];
  acknowledges = true;
  closed: { code: number; reason: string } | undefined;
  next = 0;

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('message', (data: Buffer) => {
      const message = rawDecode(data);
      const repeated = message.type === 'output_stream_data' && this.#seen.has(message.sequence);
      if (message.type === 'output_stream_data') this.#seen.add(message.sequence);
      (repeated ? this.repeats : this.received).push(message);
      if (this.acknowledges && message.type === 'output_stream_data') this.send(rawAcknowledge(message));
    });
    socket.on('pong', (data: Buffer) => this.pongs.push(data.toString()));
    socket.on('error', () => {});
    socket.on('close', (code, reason) => {
      this.closed = { code, reason: reason.toString() };
    });
  }

  /** Connects and sends OpenDataChannel. */
  static async open(
    access: Access,
    first: string | Buffer = openText(access.TokenValue),
  ): Promise<RawClient> {
    const client = new RawClient(new WebSocket(access.StreamUrl));
    await once(client.socket, 'open');
    client.socket.send(first);
    return client;
  }

  /** The same up to and including HandshakeComplete. */
  static async ready(access: Access, clientVersion?: string): Promise<RawClient> {
    const client = await RawClient.open(access);
    await client.stream(5);
    client.input(6, handshakeResponse(clientVersion));
    await client.stream(7);
    return client;
  }

  send(bytes: Buffer): void {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(bytes);
  }

  /** Sends a stream message with the next (or the given) sequence number. */
  input(payloadType: number, payload: Buffer, sequence: number = this.next++): void {
    this.send(rawEnvelope({ type: 'input_stream_data', sequence, payloadType, payload }));
  }

  data(...payload: Buffer[]): void {
    this.input(1, Buffer.concat(payload));
  }

  terminate(): void {
    this.input(10, Buffer.from([0, 0, 0, 2]));
  }

  /** Waits for a message of that type. */
  async message(type: string, index = 0): Promise<RawMessage> {
    return await waitFor(() => this.received.filter((message) => message.type === type)[index]);
  }

  /** Waits for a stream message of that payload type. */
  async stream(payloadType: number, index = 0): Promise<RawMessage> {
    return await waitFor(
      () =>
        this.received.filter(
          (message) => message.type === 'output_stream_data' && message.payloadType === payloadType,
        )[index],
    );
  }

  /** Acknowledged sequence numbers in the order of the agent's answers. */
  get acknowledged(): number[] {
    return this.received
      .filter(({ type }) => type === 'acknowledge')
      .map(({ payload }) => JSON.parse(payload.toString()).AcknowledgedMessageSequenceNumber as number);
  }

  /** Session data in sequence order, each once. */
  get output(): Buffer {
    const bySequence = new Map<number, Buffer>();
    for (const { type, payloadType, sequence, payload } of this.received)
      if (type === 'output_stream_data' && payloadType === 1) bySequence.set(sequence, payload);
    return Buffer.concat([...bySequence.entries()].sort(([a], [b]) => a - b).map(([, payload]) => payload));
  }

  async waitClosed(): Promise<{ code: number; reason: string }> {
    return await waitFor(() => this.closed);
  }
}

/** Polls until there is a value. */
export async function waitFor<T>(probe: () => T | undefined | Promise<T | undefined>): Promise<T> {
  return await vi.waitFor(
    async () => {
      const value = await probe();
      if (value === undefined) throw new Error('not yet');
      return value;
    },
    { timeout: 20_000, interval: 2 },
  );
}
