import { once } from 'node:events';
import { WebSocket } from 'ws';
import type { SsmSimulator } from '../src/index.ts';
import { type Access, handshakeResponse, openText, user, waitFor } from './raw-client.ts';
import { rawAcknowledge, rawDecode, rawEnvelope } from './raw-envelope.ts';

const RESEND_MS = 150;

/**
 * A small client that follows every rule and nothing else: acknowledges all, repeats what is late, resumes when its
 * socket is lost. Whatever the simulator does to it, it must never be accused.
 */
export class ReliableClient {
  readonly #simulator: SsmSimulator;
  readonly #access: Access;
  readonly #unacknowledged = new Map<number, { bytes: Buffer; sentAtMs: number }>();
  readonly #early = new Map<number, { payloadType: number; payload: Buffer }>();
  readonly #timer = setInterval(() => this.#resend(), 25);
  #socket: WebSocket | undefined;
  #next = 0;
  #expected = 0;
  #closed = false;
  ready = false;
  over: string | undefined;
  output: Buffer = Buffer.alloc(0);

  constructor(simulator: SsmSimulator, access: Access) {
    this.#simulator = simulator;
    this.#access = access;
    void this.#connect(access);
  }

  get unacknowledged(): number {
    return this.#unacknowledged.size;
  }

  async whenReady(): Promise<this> {
    await waitFor(() => (this.ready ? true : undefined));
    return this;
  }

  send(payloadType: number, payload: Buffer): void {
    const sequence = this.#next++;
    const bytes = rawEnvelope({ type: 'input_stream_data', sequence, payloadType, payload });
    this.#unacknowledged.set(sequence, { bytes, sentAtMs: performance.now() });
    this.#write(bytes);
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#timer);
    this.#socket?.terminate();
  }

  async #connect(access: Access): Promise<void> {
    const socket = new WebSocket(access.StreamUrl);
    this.#socket = socket;
    socket.on('error', () => {});
    socket.on('message', (data: Buffer) => this.#receive(data));
    socket.once('close', () => void this.#resume());
    await once(socket, 'open');
    socket.send(openText(access.TokenValue));
    for (const entry of this.#unacknowledged.values()) this.#again(entry);
  }

  async #resume(): Promise<void> {
    if (this.#closed || this.over !== undefined) return;
    const { SessionId } = this.#access;
    const access = (await this.#simulator.handleApi('ResumeSession', { SessionId }, user)) as Access;
    if (access.TokenValue !== undefined && !this.#closed) await this.#connect(access).catch(() => {});
  }

  #resend(): void {
    for (const entry of this.#unacknowledged.values())
      if (performance.now() - entry.sentAtMs > RESEND_MS) this.#again(entry);
  }

  #again(entry: { bytes: Buffer; sentAtMs: number }): void {
    entry.sentAtMs = performance.now();
    this.#write(entry.bytes);
  }

  #write(bytes: Buffer): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(bytes);
  }

  #receive(data: Buffer): void {
    const message = rawDecode(data);
    if (message.type === 'acknowledge') {
      const body = JSON.parse(message.payload.toString()) as { AcknowledgedMessageSequenceNumber: number };
      this.#unacknowledged.delete(body.AcknowledgedMessageSequenceNumber);
    } else if (message.type === 'channel_closed') {
      this.over = (JSON.parse(message.payload.toString()) as { Output: string }).Output;
    } else if (message.type === 'output_stream_data') {
      this.#write(rawAcknowledge(message));
      if (message.sequence < this.#expected) return;
      this.#early.set(message.sequence, message);
      for (
        let next = this.#early.get(this.#expected);
        next !== undefined;
        next = this.#early.get(this.#expected)
      ) {
        this.#early.delete(this.#expected++);
        this.#take(next.payloadType, next.payload);
      }
    }
  }

  #take(payloadType: number, payload: Buffer): void {
    if (payloadType === 5) this.send(6, handshakeResponse());
    else if (payloadType === 7) this.ready = true;
    else if (payloadType === 1) this.output = Buffer.concat([this.output, payload]);
  }
}
