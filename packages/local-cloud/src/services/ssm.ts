import type { IncomingMessage } from 'node:http';
import type { SsmAgentOptions, SsmCaller, SsmSimulator } from '@postern/ssm-simulator';
import { createSsmSimulator, isSsmApiError, SsmApiError } from '@postern/ssm-simulator';
import { AuthenticationError } from '../endpoint/answer.ts';
import { ApiError } from '../endpoint/api-error.ts';
import { authenticate } from '../endpoint/authenticate.ts';
import type { JsonService } from '../endpoint/service.ts';
import type { Caller, IamDirectory } from '../iam/index.ts';
import { AccessDenied } from '../iam/index.ts';

export interface SsmServiceOptions {
  readonly region: string;
  readonly iam: IamDirectory;
  readonly clock: () => number;
  readonly hosts: Readonly<Record<string, string>>;
  readonly requireSignedUpgrade: boolean;
  readonly agent?: SsmAgentOptions;
}

/** The Session Manager simulator behind the endpoint's authentication and IAM. */
export function createSsmService(options: SsmServiceOptions): {
  simulator: SsmSimulator;
  service: JsonService;
} {
  const { region, iam, clock, hosts, requireSignedUpgrade, agent } = options;
  const simulator = createSsmSimulator({
    region,
    accountId: iam.accountId,
    hosts,
    requireSignedUpgrade,
    ...(agent === undefined ? {} : { agent }),
    authorize: ({ caller, action, resource, context }) => {
      try {
        // Every caller that reaches the simulator comes from one of the two doors below.
        iam.authorize(caller as SsmCaller & Caller, action, resource, {
          'aws:RequestedRegion': region,
          ...context,
        });
      } catch (error) {
        if (error instanceof AccessDenied) throw new SsmApiError('AccessDeniedException', error.message);
        throw error;
      }
    },
    verifyUpgrade: (request) => upgradeCaller(request, { region, iam, clock }),
  });
  const service: JsonService = {
    protocol: 'json',
    id: 'SSM',
    signingName: 'ssm',
    targetPrefix: 'AmazonSSM',
    handle: async (operation, input, { caller }) => {
      try {
        return await simulator.handleApi(operation, input, caller);
      } catch (error) {
        if (isSsmApiError(error)) throw new ApiError(error.code, error.status, error.message);
        throw error;
      }
    },
  };
  return { simulator, service };
}

/** A data channel's upgrade is a GET without body, signed for `ssmmessages` by headers or as a presigned query. */
function upgradeCaller(
  request: IncomingMessage,
  { region, iam, clock }: Pick<SsmServiceOptions, 'region' | 'iam' | 'clock'>,
): Caller | undefined {
  const raw = {
    method: request.method ?? 'GET',
    url: request.url ?? '/',
    headers: request.rawHeaders,
    body: Buffer.alloc(0),
  };
  try {
    const authenticator = { region, clock, findKey: (id: string) => iam.findKey(id) };
    return authenticate(raw, authenticator, { signingName: 'ssmmessages' }).key.caller;
  } catch (error) {
    if (!(error instanceof AuthenticationError)) throw error;
    if (error.reason === 'missing') return undefined;
    const code =
      error.reason === 'expired'
        ? 'ExpiredTokenException'
        : error.reason === 'unknown-key'
          ? 'UnrecognizedClientException'
          : 'InvalidSignatureException';
    throw new SsmApiError(code, error.message, 403);
  }
}
