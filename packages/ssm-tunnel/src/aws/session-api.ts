import type { Agent } from 'node:http';
import { ResumeSessionCommand, type ResumeSessionResponse, StartSessionCommand } from '@aws-sdk/client-ssm';
import { isTunnelError, TunnelError } from '../errors.ts';
import type { ResolvedOptions } from '../options.ts';
import { abortable } from './abortable.ts';
import { explainApiError, type SsmOperation } from './explain-api-error.ts';
import { findOnlineNodes } from './find-online-nodes.ts';
import { proxyFor } from './proxy.ts';
import { createProxyAgents } from './proxy-agents.ts';
import { markReason } from './session-mark.ts';
import { type SignedUpgrade, signUpgrade } from './sign-upgrade.ts';
import { type ConnectionSettings, connectSsm } from './ssm-client.ts';
import { applyStreamEndpoint, parseStreamUrl } from './stream-url.ts';
import { terminateSession } from './terminate-session.ts';

/** What StartSession and ResumeSession return. `tokenValue` and `streamUrl` are secrets. */
export interface StartedSession {
  readonly sessionId: string;
  readonly tokenValue: string;
  readonly streamUrl: string;
}

/** All that one WebSocket upgrade needs. */
export interface Upgrade extends SignedUpgrade {
  readonly url: string;
  /** Set when the connection goes through a proxy. */
  readonly agent?: Agent;
}

/**
 * The SSM calls that a tunnel needs, with errors of ours. The caller of each has to be allowed:
 *
 * | | permission |
 * | --- | --- |
 * | `start` | `ssm:StartSession` on the node (or `ecs` task) and on the document |
 * | `resume` | `ssm:ResumeSession` on the session |
 * | `terminate` | `ssm:TerminateSession` on the session |
 * | `targets` with tags | `ssm:DescribeInstanceInformation` on `*`; without tags none |
 * | `upgrade` | `ssmmessages:OpenDataChannel` on the session |
 */
export interface SessionApi {
  /** A cancelled call still returns a session that was started by then; the caller has to end it. */
  start(target: string, signal: AbortSignal): Promise<StartedSession>;
  /** A new token for a session, or undefined when it is over and cannot be resumed. Resets its idle timeout. */
  resume(sessionId: string, signal: AbortSignal): Promise<StartedSession | undefined>;
  /** A session that is over already counts as done. */
  terminate(sessionId: string, signal: AbortSignal): Promise<void>;
  /** Nodes to start a session on, best first; those of tags are looked up anew. Throws `SSM_TARGET_NOT_FOUND`. */
  targets(signal: AbortSignal): Promise<readonly string[]>;
  /**
   * Throws `SSM_STREAM_URL_REFUSED`. The credentials are those that the last `start` or `resume` read; a second
   * upgrade after it reads them anew.
   */
  upgrade(streamUrl: string, signal?: AbortSignal): Promise<Upgrade>;
  destroy(): void;
}

export type SessionApiSettings = ConnectionSettings &
  Pick<ResolvedOptions, 'candidates' | 'tags' | 'documentName' | 'parameters' | 'reason' | 'streamEndpoint'>;

/** How long a cancelled StartSession may still answer: a session that nobody knows of could not be ended. */
const CANCEL_GRACE_MS = 1_000;

/** How the API words that a session is over: protocol section "Close, reconnect, resume" and gossm issue 48. */
const OVER = /already terminated|not in a valid state/i;

/** Creates the client; throws `SSM_OPTIONS_INVALID` when no region can be found. */
export async function createSessionApi(settings: SessionApiSettings): Promise<SessionApi> {
  const { client, region, refreshCredentials, destroy } = await connectSsm(settings);
  const agents = createProxyAgents(settings.proxy, settings.connectTimeoutMs, false);
  const never = new AbortController().signal;
  /** Whether the credentials were read for a call whose upgrade is still to come. */
  let fresh = false;
  const refresh = async (signal: AbortSignal): Promise<void> => {
    await refreshCredentials(signal);
    fresh = true;
  };

  return {
    async start(target, signal) {
      signal.throwIfAborted();
      const patience = new AbortController();
      let timer: NodeJS.Timeout | undefined;
      const onAbort = (): void => {
        timer = setTimeout(() => patience.abort(), CANCEL_GRACE_MS);
      };
      await refresh(signal);
      signal.addEventListener('abort', onAbort, { once: true });
      try {
        const command = new StartSessionCommand({
          Target: target,
          DocumentName: settings.documentName,
          Parameters: { ...settings.parameters },
          Reason: markReason(settings.reason),
        });
        const sent = client.send(command, { abortSignal: patience.signal });
        return readSession('StartSession', await abortable(sent, patience.signal));
      } catch (error) {
        signal.throwIfAborted();
        throw explainApiError('StartSession', target, error);
      } finally {
        clearTimeout(timer);
        signal.removeEventListener('abort', onAbort);
      }
    },

    async resume(sessionId, signal) {
      signal.throwIfAborted();
      await refresh(signal);
      try {
        const command = new ResumeSessionCommand({ SessionId: sessionId });
        const answer = await abortable(client.send(command, { abortSignal: signal }), signal);
        return answer.TokenValue
          ? readSession('ResumeSession', { SessionId: sessionId, ...answer })
          : undefined;
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof Error && (error.name === 'DoesNotExistException' || OVER.test(error.message)))
          return undefined;
        throw explainApiError('ResumeSession', sessionId, error);
      }
    },

    async terminate(sessionId, signal) {
      try {
        await terminateSession(client, sessionId, signal);
      } catch (error) {
        // The set at hand may be hours old.
        if (!isTunnelError(error) || error.code !== 'SSM_CREDENTIALS_UNAVAILABLE') throw error;
        await refreshCredentials(signal);
        await terminateSession(client, sessionId, signal);
      }
    },

    async targets(signal) {
      signal.throwIfAborted();
      if (settings.tags === undefined) return settings.candidates ?? [];
      await refreshCredentials(signal);
      return await findOnlineNodes(client, settings.tags, signal);
    },

    async upgrade(streamUrl, signal = never) {
      const url = parseStreamUrl(applyStreamEndpoint(streamUrl, settings.streamEndpoint));
      if (!fresh) await refreshCredentials(signal);
      fresh = false;
      const signed = signUpgrade(url, {
        region,
        credentials: () => client.config.credentials(),
        sha256: client.config.sha256,
        clockOffsetMs: client.config.systemClockOffset,
      });
      const proxied = proxyFor(url, settings.proxy) !== undefined;
      const agent = url.protocol === 'wss:' ? agents.https : agents.http;
      return { url: url.href, ...(await abortable(signed, signal)), ...(proxied ? { agent } : {}) };
    },

    destroy() {
      agents.destroy();
      destroy();
    },
  };
}

function readSession(operation: SsmOperation, answer: Partial<ResumeSessionResponse>): StartedSession {
  const { SessionId: sessionId, TokenValue: tokenValue, StreamUrl: streamUrl } = answer;
  if (sessionId && tokenValue && streamUrl) return { sessionId, tokenValue, streamUrl };
  throw new TunnelError('SSM_API_FAILED', `${operation} answered without session id, token or stream URL.`, {
    hint: 'Check the endpoint; this is not what SSM answers.',
  });
}
