/** What shows assessments as lists, pages, counts and streams: for those who may read. */
export const readers = { read: true } as const;

/** What a command gives back: for those who may give one. A worker need not be let at the lists to see what it has claimed. */
export const participants = { read: true, write: true, work: true } as const;

/** Who submits assessments, and takes them back. */
export const writers = { write: true } as const;

/** Who works on them. */
export const workers = { work: true } as const;

/** Who keeps the service. */
export const admins = { admin: true } as const;
