import type { Duplex } from 'node:stream';

// The state machines of a tunnel's session are private to their package, and fuzzing them through sockets would be a
// thousand times slower. So they are taken from its sources by path, as far as is written down here.

export interface ChannelLink {
  send(bytes: Buffer): void;
  readonly bufferedBytes: number;
  cork(): void;
  setRef(keep: boolean): void;
  close(): Promise<void>;
  terminate(): void;
}

interface ChannelUser {
  onReady(agent: unknown): void;
  onPayload(payload: Uint8Array): void;
  onConnectToPortError(): void;
  nextPayload(maxBytes: number): Uint8Array[];
  onPayloadSent(): void;
  onLinkLost(error: Error): void;
  onOver(error: Error | undefined): void;
}

export interface Channel {
  readonly state: { readonly name: 'awaiting-request' | 'awaiting-complete' | 'open' | 'over' };
  readonly statistics: { readonly unackedMessages: number; readonly unackedBytes: number };
  onOpen(link: ChannelLink): void;
  onLost(error: Error): void;
  onMessage(bytes: Buffer): void;
  schedulePump(): void;
  sendTerminateFlag(): boolean;
  close(): Promise<void>;
}

export interface Carrier {
  readonly size: number;
  readonly hasRoom: boolean;
  readonly statistics: { readonly heldBytes: number };
  adopt(stream: Duplex): void;
  receive(payload: Uint8Array): void;
  connectToPortError(): void;
  nextPayload(maxBytes: number): Uint8Array[];
  settleWriters(): void;
  destroyAll(reason?: () => Error): void;
}

export interface TunnelInternals {
  DataChannel: new (
    user: ChannelUser,
    options: { uploadPayloadBytes: number; ackTimeoutMs: number },
  ) => Channel;
  MuxCarrier: new (options: {
    sessionId: string;
    destination: string;
    wake: () => void;
    changed: () => void;
  }) => Carrier;
  TunnelStream: new (settings: {
    destination: string;
    halfCloseLingerMs: number;
    streamBufferBytes: number;
  }) => Duplex;
}

const SOURCES = new URL('../../../../packages/ssm-tunnel/src/', import.meta.url);

export async function tunnelInternals(): Promise<TunnelInternals> {
  const [channel, carrier, stream] = await Promise.all(
    ['channel/data-channel.ts', 'streams/mux-carrier.ts', 'streams/tunnel-stream.ts'].map(
      (path) => import(new URL(path, SOURCES).href),
    ),
  );
  return { ...channel, ...carrier, ...stream };
}
