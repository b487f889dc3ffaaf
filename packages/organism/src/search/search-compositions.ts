import type { ScorecardRow } from '../experiment/scorecard.ts';
import { type Composition, compositionLabel, neighbours } from './composition.ts';
import { compositionGoal, distanceToGoal, type GoalCriterion, goalCriteria } from './composition-goal.ts';

/** A composition and how it stands to the goal. */
export interface MeasuredComposition {
  readonly parts: Composition;
  readonly row: ScorecardRow;
  readonly criteria: readonly GoalCriterion[];
  /** Percentage points that are lacking in all. */
  readonly distance: number;
}

export interface SearchOptions {
  /** What to begin with. */
  readonly grid: readonly Composition[];
  /**
   * Measures compositions beside the undefended fine-tune, in the order given.
   *
   * @param among 'search' to choose by; 'confirmation' on fine-tunes that nothing was chosen by.
   */
  measure(
    compositions: readonly Composition[],
    among: 'search' | 'confirmation',
  ): Promise<{ readonly none: ScorecardRow; readonly rows: readonly ScorecardRow[] }>;
  /** How often the best are refined, each time with half the step. Default 2. */
  readonly refinements?: number;
  /** How many are refined each time. Default 3. */
  readonly refined?: number;
  /** How many of the best are measured again on other fine-tunes. Default 3. */
  readonly confirmed?: number;
}

/** What a search found. */
export interface CompositionSearch {
  /** All that was tried, the nearest to the goal first: chosen by the same figures, hence flattered. */
  readonly tried: readonly MeasuredComposition[];
  /** The nearest ones, measured anew on fine-tunes that nothing was chosen by; by these the answer is given. */
  readonly confirmed: readonly MeasuredComposition[];
  /** The undefended fine-tune beside the confirmed ones. */
  readonly none: ScorecardRow;
  /** The first confirmed one that lacks nothing. */
  readonly found: MeasuredComposition | undefined;
}

/**
 * Searches compositions for one that reaches {@link compositionGoal}: a grid; then strengths around the nearest ones, by factors of 2 and
 * sqrt(2); then the nearest again on fine-tunes of other seeds.
 */
export async function searchCompositions(options: SearchOptions): Promise<CompositionSearch> {
  const { grid, measure, refinements = 2, refined = 3, confirmed = 3 } = options;
  const tried = new Map<string, MeasuredComposition>();
  const tryAll = async (compositions: readonly Composition[]) => {
    const fresh = [...new Map(compositions.map((parts) => [compositionLabel(parts), parts])).values()].filter(
      (parts) => !tried.has(compositionLabel(parts)),
    );
    if (fresh.length === 0) return;
    const { none, rows } = await measure(fresh, 'search');
    for (const [index, parts] of fresh.entries())
      tried.set(compositionLabel(parts), against(parts, rows[index]!, none));
  };
  const nearest = () => [...tried.values()].toSorted(byDistance);

  await tryAll(grid);
  for (let round = 0; round < refinements; round++) {
    const factor = 2 ** (1 / (round + 1));
    await tryAll(
      nearest()
        .slice(0, refined)
        .flatMap(({ parts }) => neighbours(parts, factor)),
    );
  }
  const chosen = nearest()
    .slice(0, confirmed)
    .map(({ parts }) => parts);
  const { none, rows } = await measure(chosen, 'confirmation');
  const again = chosen.map((parts, index) => against(parts, rows[index]!, none)).toSorted(byDistance);
  return {
    tried: nearest(),
    confirmed: again,
    none,
    found: again.find(({ criteria }) => criteria.every(({ isMet }) => isMet)),
  };
}

function against(parts: Composition, row: ScorecardRow, none: ScorecardRow): MeasuredComposition {
  const criteria = goalCriteria(row, none, compositionGoal);
  return { parts, row, criteria, distance: distanceToGoal(criteria) };
}

/** Of equally near ones the less harmful first. */
function byDistance(a: MeasuredComposition, b: MeasuredComposition): number {
  return a.distance - b.distance || a.row.generalMisaligned!.mean - b.row.generalMisaligned!.mean;
}
