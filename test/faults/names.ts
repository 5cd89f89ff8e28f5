/** So begins the id of the assessment that is created last: whoever reads a feed knows by it that nothing follows. */
export const endMarkPrefix = 'end-mark';

const perServer = 10;

export const assessmentIdOf = (index: number): string => `assessment-${String(index).padStart(5, '0')}`;

/** Ten assessments share a server. */
export const serverNameOf = (index: number): string => `server-${String(Math.floor(index / perServer)).padStart(4, '0')}`;
