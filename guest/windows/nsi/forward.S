//! The exports of nsi.dll.

#include "forward.inc"

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
