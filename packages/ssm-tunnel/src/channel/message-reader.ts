import { type ClientMessage, decodeClientMessage, isProtocolError } from '@postern/ssm-protocol';
import { MAX_DAMAGED_MESSAGES } from './constants.ts';

/** Turns what the WebSocket delivers into messages, and puts up with a few that are damaged. */
export class MessageReader {
  /** Read so far, over all links. */
  messages = 0;
  /** Passed over so far. */
  damaged = 0;

  /**
   * Undefined for a message to pass over: one that is damaged is not acknowledged, so its sender repeats it
   * (protocol section "Validation"). Throws when it is one too many, or when nothing usable ever came: then the
   * other side speaks something else.
   */
  read(bytes: Buffer): ClientMessage | undefined {
    try {
      const message = decodeClientMessage(bytes);
      this.messages++;
      return message;
    } catch (error) {
      if (!isProtocolError(error)) throw error;
      const foreign = this.messages === 0 && error.code === 'SSM_FRAME_INVALID';
      if (foreign || ++this.damaged > MAX_DAMAGED_MESSAGES) throw error;
      return undefined;
    }
  }
}
