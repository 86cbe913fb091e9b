//! The exports of nsi.dll: each starts the services when nobody has, then jumps to Wine's function of the same name with
//! registers and stack as they came, so that no signature is repeated here.

.macro forward name
    .globl forward_\name
forward_\name:
    cmpl    $0, nsi_services_asked(%rip)
    jne     1f
    pushq   %rcx
    pushq   %rdx
    pushq   %r8
    pushq   %r9
    subq    $40, %rsp              // shadow space, and the stack aligned for a call
    call    nsi_start_services
    addq    $40, %rsp
    popq    %r9
    popq    %r8
    popq    %rdx
    popq    %rcx
1:  jmp     *__imp_\name(%rip)
.endm

    .text
    forward NsiAllocateAndGetTable
    forward NsiCancelChangeNotification
    forward NsiEnumerateObjectsAllParameters
    forward NsiEnumerateObjectsAllParametersEx
    forward NsiFreeTable
    forward NsiGetAllParameters
    forward NsiGetAllParametersEx
    forward NsiGetParameter
    forward NsiGetParameterEx
    forward NsiRequestChangeNotification
    forward NsiRequestChangeNotificationEx
