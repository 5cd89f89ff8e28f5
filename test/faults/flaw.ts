/** A promise that was not kept to a subscriber. */
export interface Flaw {
  subscriber: string;
  piece: number | null;
  assessmentId: string | null;
  version: number | null;
  flaw: string;
}
