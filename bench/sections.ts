import { measureCache } from './cache.js';
import { measureGuard } from './guard.js';
import { measureKilledImport } from './import-killed.js';
import { measureImports } from './import.js';
import { compareLists } from './list-scale.js';
import { measureLocks } from './locks.js';
import { measureMemory } from './memory.js';
import { measureRateLimits } from './rate-limit.js';
import {
  cacheReport,
  importReport,
  listReport,
  locksReport,
  memoryReport,
  rateLimitReport,
  throughputReport,
  tokensReport,
} from './report.js';
import { measureRevocation } from './revocation.js';
import { guardReport, revocationReport, verifyReport } from './session-report.js';
import { compareThroughput } from './throughput.js';
import { measureTokens } from './tokens.js';
import { compareRemote } from './verify-remote.js';
import { compareSignatures } from './verify-signatures.js';
import { compareVerify } from './verify.js';

/** What can be measured by itself. */
export interface Section {
  /** As the command line has it. */
  name: string;
  title: string;
  measure(): Promise<string>;
}

/** In the order of the document. */
export const SECTIONS: readonly Section[] = [
  {
    name: 'verify',
    title: 'Verification',
    measure: async () => verifyReport(await compareVerify(), await compareSignatures(), await compareRemote()),
  },
  { name: 'guard', title: 'Guards', measure: async () => guardReport(await measureGuard()) },
  { name: 'revocation', title: 'Revocation', measure: async () => revocationReport(await measureRevocation()) },
  { name: 'throughput', title: 'Throughput, 64 calls in flight', measure: async () => throughputReport(await compareThroughput()) },
  { name: 'list', title: '`list` of a user with 10 sessions', measure: async () => listReport(await compareLists()) },
  { name: 'memory', title: 'Memory of a session', measure: async () => memoryReport(await measureMemory()) },
  { name: 'tokens', title: 'Opaque tokens', measure: async () => tokensReport(await measureTokens()) },
  { name: 'import', title: 'Import of tokens', measure: async () => importReport(await measureImports(), await measureKilledImport()) },
  { name: 'cache', title: 'Cache', measure: async () => cacheReport(await measureCache()) },
  { name: 'locks', title: 'Locks', measure: async () => locksReport(await measureLocks()) },
  { name: 'rate-limit', title: 'Rate limits', measure: async () => rateLimitReport(await measureRateLimits()) },
];
