export { BootAudit } from './boot-audit.js';
export { examine } from './examination.js';
export type { AuditedOptions } from './facts.js';
export {
  type AuditCode,
  type AuditFinding,
  type AuditReport,
  type AuditSeverity,
  type Outcome,
  reportOf,
  type UnknownCheck,
} from './finding.js';
export { checkOptions } from './option-checks.js';
