import type { SessionDocument } from '@postern/ssm-simulator';

/**
 * The account's own Port document: who may use nothing else reaches the database and nothing else. It is that of the
 * Terraform module `ci-access`; `tools/infra` holds them against each other.
 */
export function databaseDocumentContent(host: string, port: number): SessionDocument {
  return {
    schemaVersion: '1.0',
    description: 'Forwards a local port to one database, and to nothing else.',
    sessionType: 'Port',
    parameters: {
      localPortNumber: {
        type: 'String',
        description: "The port of one's own machine; 0 for a free one.",
        allowedPattern: '^[0-9]{1,5}$',
        default: '0',
      },
    },
    properties: {
      type: 'LocalPortForwarding',
      host,
      portNumber: String(port),
      localPortNumber: '{{ localPortNumber }}',
    },
  };
}
