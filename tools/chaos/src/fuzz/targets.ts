import type { FuzzTarget } from './target.ts';
import { bodiesTarget } from './targets/bodies.ts';
import { channelTarget } from './targets/channel.ts';
import { envelopeTarget } from './targets/envelope.ts';
import { reliabilityTarget } from './targets/reliability.ts';
import { smuxTarget } from './targets/smux.ts';

export async function allTargets(): Promise<readonly FuzzTarget[]> {
  return [envelopeTarget(), bodiesTarget(), smuxTarget(), reliabilityTarget(), await channelTarget()];
}

/** The source files whose blocks count. */
export function isUnderTest(url: string): boolean {
  return (
    /packages\/ssm-protocol\/src\/(message|handshake|smux|reliability)\/[\w-]+\.ts$/.test(url) ||
    /packages\/ssm-tunnel\/src\/(channel\/(data-channel|answer-handshake|session-ended|waiters)|streams\/(mux-carrier|tunnel-stream|output-queue|stream-output))\.ts$/.test(
      url,
    )
  );
}
