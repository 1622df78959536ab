import { canonicalHeaders, normalisePath, parseQuery } from '../sigv4/canonical-request.ts';
import type { JsonService, QueryService, RestRoute, RestService, Service } from './service.ts';

/** The request before its body: enough to know the service and how much body it may send. */
export interface RequestHead {
  readonly method: string;
  readonly url: string;
  readonly rawHeaders: readonly string[];
}

/** Which service and operation a request means; nothing is verified yet. */
export type Route =
  | { readonly kind: 'json'; readonly service: JsonService; readonly operation: string }
  | {
      readonly kind: 'query';
      readonly service: QueryService;
      readonly operation: string;
      readonly parameters: URLSearchParams;
    }
  | {
      readonly kind: 'rest';
      readonly service: RestService;
      readonly operation: string;
      readonly route: RestRoute;
    }
  | { readonly kind: 'unknown'; readonly service: Service };

const formType = 'application/x-www-form-urlencoded';

/**
 * In this order: `X-Amz-Target`, path, `Action=` in a form body or query. What matches nothing is answered
 * in the protocol of the service that the signature names.
 */
export function findRoute(
  services: readonly Service[],
  head: RequestHead,
  path: string,
  body: Buffer,
): Route | undefined {
  const headers = canonicalHeaders(head.rawHeaders);
  const target = /^([A-Za-z0-9_]+)\.([A-Za-z0-9]+)$/.exec(headers.get('x-amz-target') ?? '');
  if (target !== null) {
    const service = services.find((each) => each.protocol === 'json' && each.targetPrefix === target[1]);
    if (service?.protocol === 'json') return { kind: 'json', service, operation: target[2] as string };
  }
  const rest = matchRest(services, head.method, path);
  if (rest !== undefined) return rest;

  const named = services.find((each) => each.signingName === signingName(headers, head.url));
  const isForm = (headers.get('content-type') ?? '').toLowerCase().startsWith(formType);
  const parameters = isForm
    ? new URLSearchParams(body.toString('utf8'))
    : new URLSearchParams(head.url.split('?')[1] ?? '');
  const operation = parameters.get('Action');
  if (operation !== null && path === '/') {
    const version = parameters.get('Version');
    const service =
      services.find((each) => each.protocol === 'query' && each.version === version) ??
      (named?.protocol === 'query' ? named : undefined) ??
      services.find((each) => each.protocol === 'query');
    if (service?.protocol === 'query') return { kind: 'query', service, operation, parameters };
  }
  const fallback = named ?? services[0];
  return fallback === undefined ? undefined : { kind: 'unknown', service: fallback };
}

export function matchRest(services: readonly Service[], method: string, path: string): Route | undefined {
  const segments = pathSegments(path);
  if (segments === undefined) return undefined;
  for (const service of services) {
    if (service.protocol !== 'rest') continue;
    const route = service.match(method, segments);
    if (route !== undefined) return { kind: 'rest', service, operation: route.operation, route };
  }
  return undefined;
}

/** The wire path without the configured base path, normalised as the signature has it. */
export function routingPath(url: string, basePath: string): string {
  const path = normalisePath(url.split('?')[0] ?? '/');
  if (basePath !== '' && (path === basePath || path.startsWith(`${basePath}/`))) {
    return path.slice(basePath.length) || '/';
  }
  return path;
}

/** Segments are percent-decoded exactly once: a function's ARN is one segment. */
function pathSegments(path: string): string[] | undefined {
  try {
    return path
      .split('/')
      .filter((segment) => segment !== '')
      .map(decodeURIComponent);
  } catch {
    return undefined;
  }
}

function signingName(headers: ReadonlyMap<string, string>, url: string): string | undefined {
  const inHeader = /Credential=[^/,]+\/\d+\/[^/,]+\/([^/,]+)\//.exec(headers.get('authorization') ?? '');
  if (inHeader !== null) return inHeader[1];
  const credential = parseQuery(url.split('?')[1] ?? '', 'uri')?.find(([key]) => key === 'X-Amz-Credential');
  return credential?.[1].split('/')[3];
}
