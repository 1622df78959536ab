import type { HostEvent, HostPhase } from '@postern/connect/host';
import { type Step, seconds, stepLine } from './progress.ts';
import type { SuiteResult } from './suite.ts';

/** The part of the host's statistics that the account reads. */
export interface Counters {
  ssm: {
    startSessionCalls: number;
    openSessions: number;
    muxStreams: number;
    bytesUp: number;
    bytesDown: number;
  };
  front: {
    verifiedTokens: number;
    refusedTokens: number;
    passwordLogins: number;
    byUser: Record<string, number>;
  };
  lambda: { invocations: number; byFunction: Record<string, number> };
  api: Record<string, number>;
}

/** Which phase an AWS request belongs to. Invocations are told apart by function. */
const requestsOf: Partial<Record<HostPhase, (counters: Counters) => number>> = {
  resolve: ({ api }) => sum(api, 'RDS.'),
  tunnel: ({ api }) => sum(api, 'SSM.'),
  deploy: ({ api }) => sum(api, 'Lambda.') - (api['Lambda.Invoke'] ?? 0),
  bootstrap: ({ lambda }) => lambda.byFunction['postern-bootstrap-local'] ?? 0,
  prepare: ({ lambda }) => lambda.byFunction['postern-testdb-local'] ?? 0,
};

function sum(api: Record<string, number>, prefix: string): number {
  return Object.entries(api).reduce(
    (total, [name, count]) => total + (name.startsWith(prefix) ? count : 0),
    0,
  );
}

/** What an event says about a finished phase. */
export function stepOf({ phase, state, durationMs = 0, detail = '', counts = {} }: HostEvent): Step {
  const numbers = Object.entries(counts).map(([name, count]) => `${count.toLocaleString('en')} ${name}`);
  return {
    name: phase,
    ok: state === 'done',
    durationMs,
    detail: [detail, ...numbers].filter((part) => part !== '').join(', '),
  };
}

/** The readable account of a run: a line for each phase, how the suite's connections went, and its result. */
export function account(steps: readonly Step[], counters: Counters | undefined, suite: SuiteResult): string {
  const lines = steps.map((step) => {
    const requests = counters && requestsOf[step.name as HostPhase]?.(counters);
    const trips = requests ? `${requests} round trip${requests === 1 ? '' : 's'}` : '';
    return stepLine({ ...step, detail: [step.detail, trips].filter((part) => part !== '').join(', ') });
  });
  if (counters !== undefined) lines.push('', ...path(counters));
  lines.push(
    '',
    `suite: ${suite.passed} passed, ${suite.failed} failed in ${suite.files} files (${seconds(suite.durationMs)})`,
  );
  return lines.join('\n');
}

function path({ ssm, front }: Counters): string[] {
  const testLogins = Object.entries(front.byUser).filter(([user]) => user.startsWith('pt_'));
  return [
    `path:  ${ssm.startSessionCalls} StartSession, ${ssm.muxStreams} streams through the tunnel, ` +
      `${front.verifiedTokens} tokens verified, ${front.refusedTokens} refused`,
    `       ${kilobytes(ssm.bytesUp)} up, ${kilobytes(ssm.bytesDown)} down; ` +
      `logins: ${testLogins.map(([user, count]) => `${user} ${count}`).join(', ')}`,
  ];
}

function kilobytes(bytes: number): string {
  return `${Math.round(bytes / 1000).toLocaleString('en')} kB`;
}
