export const TARGETS = [];
