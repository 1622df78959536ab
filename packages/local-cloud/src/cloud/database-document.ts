import type { SessionDocument } from '@postern/ssm-simulator';
import { clusterEndpoint } from './names.ts';

/** The account's own Port document: who may use nothing else reaches the database and nothing else. */
export function databaseDocumentContent(port: number): SessionDocument {
  return {
    schemaVersion: '1.0',
    description: 'Port forwarding to the database of the local environment, and nowhere else',
    sessionType: 'Port',
    parameters: { localPortNumber: { type: 'String', default: '0' } },
    properties: {
      portNumber: String(port),
      type: 'LocalPortForwarding',
      localPortNumber: '{{ localPortNumber }}',
      host: clusterEndpoint,
    },
  };
}
