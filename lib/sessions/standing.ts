import type { ResolvedSessionOptions } from '../options/index.js';
import type { Revocations } from '../revocation/index.js';
import type { Liveness } from './liveness.js';

/** How it stands with what verifying rests on. Reading it costs no command. */
export class Standing {
  constructor(
    private readonly options: ResolvedSessionOptions,
    private readonly revocations: Revocations,
    private readonly liveness: Liveness,
  ) {}

  get revocation(): 'local' | 'remote' | 'off' {
    return this.options.revocation;
  }

  get maxStalenessMs(): number {
    return this.options.maxStalenessMs;
  }

  /** How long a revocation can have gone unheard here; Infinity where nobody can tell. */
  get stalenessMs(): number {
    return this.revocations.feed.ageAt(performance.now());
  }

  /** Whether tokens are verified here without Redis, because it need not be asked or may be done without. */
  get verifiesWithoutRedis(): boolean {
    return this.revocation === 'off' || (this.revocation === 'local' && this.stalenessMs <= this.liveness.servedForMs);
  }

  /** Whether verifying has given up on Redis for the moment. */
  get hasGivenUp(): boolean {
    return this.liveness.hasGivenUp;
  }
}
