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
  lambda: { coldStarts: number; failures: number; byFunction: Record<string, number> };
  api: Record<string, number>;
  host: { data: { accepted: number } };
}

/** Requests to AWS by the phase that made them; phases that invoke a function say themselves how often. */
const requestsOf: Partial<Record<HostPhase, (counters: Counters) => number>> = {
  resolve: ({ api }) => sum(api, 'RDS.'),
  tunnel: ({ api }) => sum(api, 'SSM.'),
  deploy: ({ api }) => sum(api, 'Lambda.') - (api['Lambda.Invoke'] ?? 0),
};

function sum(api: Record<string, number>, prefix: string): number {
  return Object.entries(api).reduce(
    (total, [name, count]) => total + (name.startsWith(prefix) ? count : 0),
    0,
  );
}

/** What an event says about a finished phase. */
export function stepOf({ phase, state, durationMs = 0, detail = '', counts = {} }: HostEvent): Step {
  const numbers = Object.entries(counts).map(([name, count]) => counted(count, name));
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
    // The counters know sums; a phase that came twice has no number of its own.
    const once = steps.filter(({ name }) => name === step.name).length === 1;
    const requests = counters && once ? requestsOf[step.name as HostPhase]?.(counters) : undefined;
    const trips = requests ? counted(requests, 'round trips') : '';
    return stepLine({ ...step, detail: [step.detail, trips].filter((part) => part !== '').join(', ') });
  });
  if (counters !== undefined) lines.push('', ...path(counters));
  lines.push(
    '',
    `suite: ${suite.passed} passed, ${suite.failed} failed in ${counted(suite.files, 'files')} (${seconds(suite.durationMs)})`,
  );
  return lines.join('\n');
}

/** `1 file`, `2 files`: the name is given in the plural. */
export function counted(count: number, plural: string): string {
  return `${count.toLocaleString('en')} ${count === 1 ? plural.replace(/s$/, '') : plural}`;
}

function path({ ssm, front, lambda, host }: Counters): string[] {
  const functions = functionLine(lambda);
  if (ssm.startSessionCalls === 0) {
    const connections = counted(host.data.accepted, 'connections');
    return [`path:  direct, ${connections} to the server's socket: no tunnel, no TLS, no tokens`, functions];
  }
  const testLogins = Object.entries(front.byUser).filter(([user]) => user.startsWith('pt_'));
  return [
    `path:  ${ssm.startSessionCalls} StartSession, ${counted(ssm.muxStreams, 'streams')} through the tunnel, ` +
      `${counted(front.verifiedTokens, 'tokens')} verified, ${front.refusedTokens} refused`,
    `       ${kilobytes(ssm.bytesUp)} up, ${kilobytes(ssm.bytesDown)} down; ` +
      `logins: ${testLogins.map(([user, count]) => `${user} ${count}`).join(', ')}`,
    functions,
  ];
}

function functionLine({ byFunction, coldStarts, failures }: Counters['lambda']): string {
  const invocations = Object.entries(byFunction).map(([name, count]) => `${name} ${count}`);
  return (
    `       functions: ${invocations.join(', ')}; ` +
    `${counted(coldStarts, 'cold starts')}, ${counted(failures, 'failures')}`
  );
}

function kilobytes(bytes: number): string {
  return `${Math.round(bytes / 1000).toLocaleString('en')} kB`;
}
