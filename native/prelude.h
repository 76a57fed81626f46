#include "vanallen.h"
