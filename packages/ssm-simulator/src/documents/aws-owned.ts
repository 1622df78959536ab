import type { SessionDocument } from './session-document.ts';

const port = '[1-9]|[1-9][0-9]{1,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]';
const portPattern = `^(${port})$`;
const localPortPattern = `^([0-9]|${port})$`;
const hostPattern = '^[^,$^&\\(\\)!;\'"<>\\`{}\\[\\]\\|#=]{3,}$';

/** The documents that AWS provides for port forwarding. Their ARNs have an empty account. */
export const awsOwnedDocuments: Readonly<Record<string, SessionDocument>> = {
  'AWS-StartPortForwardingSession': {
    schemaVersion: '1.0',
    description: 'Document to start port forwarding session over Session Manager',
    sessionType: 'Port',
    parameters: {
      portNumber: {
        type: 'String',
        description: '(Optional) Port number of the server on the instance',
        default: '80',
        allowedPattern: portPattern,
      },
      localPortNumber: {
        type: 'String',
        description: '(Optional) Port number on local machine to forward traffic to. 0 is any free port.',
        default: '0',
        allowedPattern: localPortPattern,
      },
    },
    properties: {
      portNumber: '{{ portNumber }}',
      type: 'LocalPortForwarding',
      localPortNumber: '{{ localPortNumber }}',
    },
  },
  'AWS-StartPortForwardingSessionToRemoteHost': {
    schemaVersion: '1.0',
    description: 'Document to start port forwarding session over Session Manager to remote host',
    sessionType: 'Port',
    parameters: {
      portNumber: {
        type: 'String',
        description: '(Optional) Port number of the server on the remote host',
        default: '80',
        allowedPattern: portPattern,
      },
      localPortNumber: {
        type: 'String',
        description: '(Optional) Port number on local machine to forward traffic to. 0 is any free port.',
        default: '0',
        allowedPattern: localPortPattern,
      },
      host: {
        type: 'String',
        description: '(Optional) Hostname or IP address of the destination server',
        default: 'localhost',
        allowedPattern: hostPattern,
      },
    },
    properties: {
      portNumber: '{{ portNumber }}',
      type: 'LocalPortForwarding',
      localPortNumber: '{{ localPortNumber }}',
      host: '{{ host }}',
    },
  },
  'AWS-StartSSHSession': {
    schemaVersion: '1.0',
    description: 'Document to start an SSH session over Session Manager',
    sessionType: 'Port',
    parameters: {
      portNumber: {
        type: 'String',
        description: '(Optional) Port number of SSH server on the instance',
        default: '22',
        allowedPattern: portPattern,
      },
    },
    // No type: the agent then uses basic mode, the client standard input and output.
    properties: { portNumber: '{{ portNumber }}' },
  },
};

/** The document that StartSession uses when none is named: the account's preferences for shells. */
export const DEFAULT_DOCUMENT = 'SSM-SessionManagerRunShell';

export const defaultShellDocument: SessionDocument = {
  schemaVersion: '1.0',
  description: 'Document to hold regional settings for Session Manager',
  sessionType: 'Standard_Stream',
};
