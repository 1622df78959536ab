import {
  SSMClient,
  type SSMClientConfig,
  StartSessionCommand,
  TerminateSessionCommand,
} from '@aws-sdk/client-ssm';
import { TunnelError } from '../errors.ts';
import type { ResolvedOptions } from '../options.ts';
import { optionsInvalid } from '../resolve-options.ts';
import { explainApiError } from './explain-api-error.ts';
import type { UpgradeSigner } from './sign-upgrade.ts';

/** What StartSession returned. `tokenValue` and `streamUrl` are secrets. */
interface StartedSession {
  readonly sessionId: string;
  readonly tokenValue: string;
  readonly streamUrl: string;
}

/** The SSM calls that a tunnel needs, with errors of ours. */
export interface SessionApi {
  /** A cancelled call still returns a session that was started by then; the caller has to end it. */
  start(signal: AbortSignal): Promise<StartedSession>;
  /** A session that is over already counts as done. */
  terminate(sessionId: string, signal: AbortSignal): Promise<void>;
  /** What signs WebSocket upgrades: the same region, and credentials read anew each time. */
  readonly signer: UpgradeSigner;
  destroy(): void;
}

/** How long a cancelled StartSession may still answer: a session that nobody knows of could not be ended. */
const CANCEL_GRACE_MS = 1_000;

/** Names under which the API says that there is nothing left to terminate. */
const ALREADY_OVER: ReadonlySet<string> = new Set(['ValidationException', 'DoesNotExistException']);

/** Creates the client; throws `SSM_OPTIONS_INVALID` when no region can be found. */
export async function createSessionApi(options: ResolvedOptions): Promise<SessionApi> {
  const config: SSMClientConfig = {
    requestHandler: {
      connectionTimeout: options.connectTimeoutMs,
      requestTimeout: options.connectTimeoutMs,
      throwOnRequestTimeout: true,
    },
  };
  if (options.region !== undefined) config.region = options.region;
  if (options.endpoint !== undefined) config.endpoint = options.endpoint;
  if (options.credentials !== undefined) config.credentials = options.credentials;
  const client = new SSMClient(config);
  let region: string;
  try {
    region = await client.config.region();
  } catch {
    client.destroy();
    throw optionsInvalid(['region: is missing here, in AWS_REGION and in the shared configuration']);
  }

  return {
    signer: { region, credentials: () => client.config.credentials(), sha256: client.config.sha256 },

    async start(signal) {
      const patience = new AbortController();
      let timer: NodeJS.Timeout | undefined;
      const onAbort = (): void => {
        timer = setTimeout(() => patience.abort(), CANCEL_GRACE_MS);
      };
      signal.addEventListener('abort', onAbort, { once: true });
      try {
        const started = await client.send(
          new StartSessionCommand({
            Target: options.candidates?.[0],
            DocumentName: options.documentName,
            Parameters: { ...options.parameters },
            Reason: options.reason,
          }),
          { abortSignal: patience.signal },
        );
        const { SessionId: sessionId, TokenValue: tokenValue, StreamUrl: streamUrl } = started;
        if (!sessionId || !tokenValue || !streamUrl) {
          throw new TunnelError(
            'SSM_API_FAILED',
            'StartSession answered without session id, token or stream URL.',
            {
              hint: 'Check the endpoint; this is not what SSM answers.',
            },
          );
        }
        return { sessionId, tokenValue, streamUrl };
      } catch (error) {
        signal.throwIfAborted();
        throw explainApiError('StartSession', error, options);
      } finally {
        clearTimeout(timer);
        signal.removeEventListener('abort', onAbort);
      }
    },

    async terminate(sessionId, signal) {
      try {
        await client.send(new TerminateSessionCommand({ SessionId: sessionId }), { abortSignal: signal });
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof Error && ALREADY_OVER.has(error.name)) return;
        throw explainApiError('TerminateSession', error, options);
      }
    },

    destroy: () => client.destroy(),
  };
}
