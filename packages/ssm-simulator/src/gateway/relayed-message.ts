import type { ClientMessage } from '@postern/ssm-protocol';

/** A message on its way through the service: decoded once, and as it came. */
export interface RelayedMessage extends ClientMessage {
  readonly bytes: Buffer;
  /** Of an `acknowledge`: the number that it acknowledges. */
  readonly acknowledges?: number;
}
