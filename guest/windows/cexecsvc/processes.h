//! The processes of the silo, for the agent.
#ifndef CASEMENT_CEXECSVC_PROCESSES_H
#define CASEMENT_CEXECSVC_PROCESSES_H

// Sends the list of all processes as a PROCESSES message; an empty one when Wine does not tell.
void processes_report(void);

#endif
