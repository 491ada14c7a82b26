import type { Privileges } from '../redis/index.js';

/** To know more of a server than INFO tells: without them some checks of the audit are left open, and say so. */
export const auditPrivileges = {
  commands: ['time', 'config|get', 'acl|getuser'],
} satisfies Privileges;
