import { isTunnelError, type TunnelError } from '../errors.ts';
import { Session, type SessionContext, type SessionEvents } from './session.ts';

/** Starts sessions on whichever node can take one. */
export class SessionStarter {
  readonly #context: SessionContext;
  /** Nodes that failed, the last failure last: they are tried after the others. */
  readonly #failed = new Set<string>();

  constructor(context: SessionContext) {
    this.#context = context;
  }

  /**
   * Tries the candidates in their order, those that failed lately last. Goes on to the next one only for what
   * another node may not have; throws the last failure. Leaves nothing behind.
   */
  async start(signal: AbortSignal, events: SessionEvents): Promise<Session> {
    const { api } = this.#context;
    const candidates = await api.targets(signal);
    let failure: unknown;
    for (const target of this.#inOrder(candidates)) {
      try {
        const started = await api.start(target, signal);
        const session = new Session(this.#context, started.sessionId, target, events);
        await session.open(started, signal);
        this.#failed.delete(target);
        return session;
      } catch (error) {
        signal.throwIfAborted();
        failure = error;
        if (!isTunnelError(error) || !concernsNode(error)) break;
        this.failed(target);
      }
    }
    throw failure;
  }

  /** A session on that node was of no use. */
  failed(target: string): void {
    this.#failed.delete(target);
    this.#failed.add(target);
  }

  #inOrder(candidates: readonly string[]): readonly string[] {
    const failed = [...this.#failed].filter((target) => candidates.includes(target));
    return [...candidates.filter((target) => !this.#failed.has(target)), ...failed];
  }
}

/** Whether the node is to blame, and another one may do. */
function concernsNode({ code }: TunnelError): boolean {
  return (
    code === 'SSM_TARGET_NOT_CONNECTED' ||
    code === 'SSM_HANDSHAKE_TIMEOUT' ||
    code === 'SSM_HANDSHAKE_REFUSED' ||
    code === 'SSM_CHANNEL_CLOSED' ||
    code === 'SSM_CHANNEL_LOST'
  );
}
