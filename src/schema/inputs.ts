import type { AssessmentFilter as Filter } from '../store/index.ts';
import { builder } from './builder.ts';
import { AssessmentOrderField, AssessmentSource, AssessmentState, AssessmentType, OrderDirection } from './enums.ts';

const StringFilter = builder.inputType('StringFilter', {
  description: 'Conditions on a text, joined by AND; capital and small letters are different.',
  fields: (t) => ({
    eq: t.string({ description: 'Is this.' }),
    in: t.stringList({ description: 'Is one of these; an empty list matches nothing.' }),
    startsWith: t.string({ description: 'Begins with this.' }),
    contains: t.string({ description: 'Holds this.' }),
  }),
});

const IntFilter = builder.inputType('IntFilter', {
  description: 'Conditions on a whole number, joined by AND.',
  fields: (t) => ({
    eq: t.int({ description: 'Is this.' }),
    in: t.intList({ description: 'Is one of these; an empty list matches nothing.' }),
    gte: t.int({ description: 'Is this or more.' }),
    lte: t.int({ description: 'Is this or less.' }),
  }),
});

const DateTimeFilter = builder.inputType('DateTimeFilter', {
  description: 'Conditions on a moment, joined by AND.',
  fields: (t) => ({
    gte: t.field({ type: 'DateTime', description: 'Is this moment or later.' }),
    lt: t.field({ type: 'DateTime', description: 'Is before this moment.' }),
  }),
});

const AssessmentStateFilter = builder.inputType('AssessmentStateFilter', {
  description: 'Conditions on the state, joined by AND.',
  fields: (t) => ({
    eq: t.field({ type: AssessmentState, description: 'Is this.' }),
    in: t.field({ type: [AssessmentState], description: 'Is one of these; an empty list matches nothing.' }),
    notIn: t.field({ type: [AssessmentState], description: 'Is none of these; an empty list matches everything.' }),
  }),
});

const AssessmentTypeFilter = builder.inputType('AssessmentTypeFilter', {
  description: 'Conditions on the type, joined by AND.',
  fields: (t) => ({
    eq: t.field({ type: AssessmentType, description: 'Is this.' }),
    in: t.field({ type: [AssessmentType], description: 'Is one of these; an empty list matches nothing.' }),
  }),
});

const AssessmentSourceFilter = builder.inputType('AssessmentSourceFilter', {
  description: 'Conditions on the source, joined by AND.',
  fields: (t) => ({
    eq: t.field({ type: AssessmentSource, description: 'Is this.' }),
    in: t.field({ type: [AssessmentSource], description: 'Is one of these; an empty list matches nothing.' }),
  }),
});

export const AssessmentFilter = builder.inputRef<Filter>('AssessmentFilter');
AssessmentFilter.implement({
  description:
    'Which assessments. Fields are joined by AND; what is null or left out is no condition; a condition on a field without a value is false.',
  fields: (t) => ({
    assessmentId: t.field({ type: StringFilter, description: "By the caller's own key." }),
    state: t.field({ type: AssessmentStateFilter, description: 'By state.' }),
    type: t.field({ type: AssessmentTypeFilter, description: 'By type.' }),
    source: t.field({ type: AssessmentSourceFilter, description: 'By source.' }),
    serverName: t.field({ type: StringFilter, description: 'By server name.' }),
    priority: t.field({ type: IntFilter, description: 'By priority.' }),
    progress: t.field({ type: IntFilter, description: 'By progress.' }),
    retryCount: t.field({ type: IntFilter, description: 'By how often it was tried again.' }),
    createdAt: t.field({ type: DateTimeFilter, description: 'By the time of creation.' }),
    updatedAt: t.field({ type: DateTimeFilter, description: 'By the time of the last change.' }),
    completedAt: t.field({ type: DateTimeFilter, description: 'By the time of completion or failure.' }),
    or: t.field({ type: [AssessmentFilter], description: 'At least one of these matches; an empty list matches nothing.' }),
    not: t.field({ type: AssessmentFilter, description: 'This does not match.' }),
  }),
});

export const AssessmentOrder = builder.inputType('AssessmentOrder', {
  description: 'In which order; assessments that are alike in the field are ordered by their ids.',
  fields: (t) => ({
    field: t.field({ type: AssessmentOrderField, required: true, description: 'By what.' }),
    direction: t.field({ type: OrderDirection, required: true, description: 'In which direction.' }),
  }),
});
