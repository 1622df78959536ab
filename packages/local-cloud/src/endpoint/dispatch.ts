import type { IamDirectory } from '../iam/index.ts';
import { canonicalHeaders, parseQuery } from '../sigv4/canonical-request.ts';
import type { WireAnswer } from './answer.ts';
import { jsonAnswer, queryAnswer } from './answer.ts';
import { ApiError } from './api-error.ts';
import { authenticate } from './authenticate.ts';
import type { RequestHead, Route } from './route.ts';
import type { ApiCall, RestAnswer } from './service.ts';

export interface ReceivedRequest {
  readonly head: RequestHead;
  readonly body: Buffer;
  readonly requestId: string;
  readonly sourceIp: string | undefined;
}

/** Authenticates a request and runs its operation; throws what `errorAnswer` can put on the wire. */
export async function dispatch(
  route: Route,
  request: ReceivedRequest,
  options: { region: string; iam: IamDirectory; clock: () => number },
  onAuthenticated: (principalArn: string) => void,
): Promise<WireAnswer> {
  const { head, body, requestId } = request;
  const { region, iam, clock } = options;
  const signed = authenticate(
    { method: head.method, url: head.url, headers: head.rawHeaders, body },
    { region, clock, findKey: (id) => iam.findKey(id) },
    route.service,
  );
  const { caller } = signed.key;
  onAuthenticated(caller.arn);
  const call: ApiCall = {
    caller,
    requestId,
    nowMs: clock(),
    authorize: (action, resource, context) =>
      iam.authorize(caller, action, resource, {
        'aws:RequestedRegion': region,
        ...(request.sourceIp === undefined ? {} : { 'aws:SourceIp': request.sourceIp }),
        ...context,
      }),
  };
  switch (route.kind) {
    case 'json':
      return jsonAnswer(await route.service.handle(route.operation, parseJson(body), call), requestId);
    case 'query': {
      const { service, operation, parameters } = route;
      const handler = Object.hasOwn(service.operations, operation)
        ? service.operations[operation]
        : undefined;
      if (handler === undefined) {
        const version = parameters.get('Version') ?? service.version;
        throw new ApiError(
          'InvalidAction',
          400,
          `Could not find operation ${operation} for version ${version}`,
        );
      }
      return queryAnswer(service, operation, await handler(parameters, call), requestId);
    }
    case 'rest': {
      const query = new URLSearchParams(parseQuery(head.url.split('?')[1] ?? '', signed.queryForm));
      const headers = canonicalHeaders(head.rawHeaders);
      return restAnswer(await route.route.handle({ query, headers, body }, call), requestId);
    }
    case 'unknown':
      throw new ApiError(
        'UnknownOperationException',
        route.service.protocol === 'rest' ? 404 : 400,
        'The requested operation is not recognized by the service.',
      );
  }
}

function parseJson(body: Buffer): unknown {
  if (body.length === 0) return {};
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    throw new ApiError('SerializationException', 400, 'The request body is not valid JSON.');
  }
}

function restAnswer(answer: RestAnswer, requestId: string): WireAnswer {
  const { status, headers, body } = answer;
  const bytes = body instanceof Uint8Array ? body : body === undefined ? '' : JSON.stringify(body);
  return {
    status,
    headers: { 'content-type': 'application/json', 'x-amzn-RequestId': requestId, ...headers },
    body: bytes,
  };
}
